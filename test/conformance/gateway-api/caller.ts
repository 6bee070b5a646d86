import { Agent } from 'node:http';
import { callerOf, type Protocol } from '../../dataplane/http2/calling.ts';
import { wireClient } from '../../harness/grpc/wire-client.ts';
import type { Owner } from '../../harness/owner.ts';
import type { Gets, Send } from './ask.ts';
import type { Seen } from './echo.ts';
import type { Fields } from './take.ts';

/** What became of a request. `seen` is null when the reply came from no server. */
export type Outcome = Gets & { readonly seen: Seen | null };
export type Caller = (send: Send) => Promise<Outcome>;

/** A client that calls through the proxy at a port, on connections that are kept. */
export function callerAt(t: Owner, protocol: Protocol | 'grpc', port: number): Promise<Caller> {
  return protocol === 'grpc' ? callerOfGrpc(t, port) : callerOfHttp(t, protocol, port);
}

async function callerOfHttp(t: Owner, protocol: Protocol, port: number): Promise<Caller> {
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  const call = callerOf(t, protocol, port, agent);
  const hostName = protocol === 'http1' ? 'host' : ':authority';
  return async ({ method, host, path, headers }) => {
    const reply = call({ method, path, fields: { [hostName]: host, ...headers } });
    const { status, fields, body } = await reply.catch(resetReply);
    return { status, headers: particular(Object.entries(fields)), seen: seenIn(body) };
  };
}

function resetReply(error: Error) {
  if (!error.message.endsWith('NGHTTP2_PROTOCOL_ERROR')) throw error;
  return { status: 'PROTOCOL_ERROR', fields: {}, body: Buffer.alloc(0) } as const;
}

async function callerOfGrpc(t: Owner, port: number): Promise<Caller> {
  const client = await wireClient(t, port);
  return async ({ host, path, headers }) => {
    const { status, head, messages } = await client.ask(path, { fields: { ':authority': host, ...headers } });
    if (head === null || status === null) throw new Error(`no reply to ${path}`);
    return { status, headers: particular([...head]), seen: seenIn(messages[0]?.bytes) };
  };
}

const ofEveryReply = /^(:status|connection|keep-alive|transfer-encoding|content-length|content-type|date|grpc-.*)$/;

function particular(fields: readonly (readonly [string, unknown])[]): Fields {
  const kept = fields.filter(([name]) => !ofEveryReply.test(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, [value].flat().join(' and ')]));
}

/** A server answers with what it saw; what a proxy answers is no JSON. */
function seenIn(body: Buffer | undefined): Seen | null {
  return body?.toString().startsWith('{') ? (JSON.parse(body.toString()) as Seen) : null;
}
