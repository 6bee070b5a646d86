import { request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../shared/time/clock.ts';

/** What came back for one order: its status, the milliseconds it took, and the trace it belongs to. */
export type OrderReply = { readonly status: number; readonly tookMs: number; readonly body: string };

const everyMs = 50;
const timeoutMs = 5_000;

/** Orders through the sidecar at this port until one is placed; throws with the last answer when none is in time. */
export async function firstOrder(port: number, clock: Clock, deadlineMs: number): Promise<OrderReply> {
  const end = clock.monotonicMs() + deadlineMs;
  let last = 'nothing';
  do {
    try {
      const reply = await orderOnce(port, clock);
      if (reply.status < 300) return reply;
      last = `${reply.status} ${reply.body.trim()}`;
    } catch (error) {
      last = (error as Error).message;
    }
    await wait(everyMs);
  } while (clock.monotonicMs() < end);
  throw new Error(`no order was answered through the sidecars within ${deadlineMs / 1000} s; the last answer: ${last}`);
}

function orderOnce(port: number, clock: Clock): Promise<OrderReply> {
  const startMs = clock.monotonicMs();
  return new Promise((resolve, reject) => {
    const headers = { host: 'order', 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(timeoutMs);
    const outgoing = request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      path: '/orders',
      headers,
      agent: false,
      signal,
    });
    outgoing.once('error', reject);
    outgoing.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.once('error', reject);
      response.on('data', (part: string) => {
        body = (body + part).slice(0, 1_000);
      });
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 0, tookMs: clock.monotonicMs() - startMs, body });
      });
    });
    outgoing.end('{"user":"ada","product":"tea","quantity":1}');
  });
}
