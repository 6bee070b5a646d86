import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Address } from '../../shared/discovery/address.ts';
import type { Clock } from '../../shared/time/clock.ts';
import { httpCall } from './http-call.ts';

const timeoutMs = 10_000;

/** Tells the control plane a file of resources, all or nothing; throws with its reasons when it refuses them. */
export async function applyFile(api: Address, file: string): Promise<void> {
  const body = await readFile(file, 'utf8');
  const headers = { 'content-type': 'application/yaml' };
  const answer = await httpCall({ to: api, method: 'POST', path: '/v1/apply', headers, body, timeoutMs });
  if (answer.status >= 300) throw new Error(`the control plane refused ${file}: ${answer.status} ${answer.body}`);
}

const pauseMs = 50;

/** Orders through the sidecar at this port until one is placed, and returns the milliseconds that one took. */
export async function firstOrder(port: number, clock: Clock, deadlineMs: number): Promise<number> {
  const end = clock.monotonicMs() + deadlineMs;
  const headers = { host: 'order', 'content-type': 'application/json' };
  const body = '{"user":"ada","product":"tea","quantity":1}';
  const to = { host: '127.0.0.1', port };
  let last = 'none';
  do {
    const startMs = clock.monotonicMs();
    try {
      const answer = await httpCall({ to, method: 'POST', path: '/orders', headers, body, timeoutMs });
      if (answer.status === 201) return clock.monotonicMs() - startMs;
      last = `${answer.status} ${answer.body.trim()}`;
    } catch (error) {
      last = (error as Error).message;
    }
    await wait(pauseMs);
  } while (clock.monotonicMs() < end);
  throw new Error(`no order was placed through the sidecars within ${deadlineMs / 1000} s; the last answer: ${last}`);
}
