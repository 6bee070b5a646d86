import { Agent, type IncomingHttpHeaders, request } from 'node:http';

/** A reply of another service. `body` is its JSON, or its text when it is none. */
export type ServiceReply = { readonly status: number; readonly body: unknown };

/** The other service could not be reached or did not answer in time. */
export class UnreachableError extends Error {}

/** Calls a service by its name. `incoming` are the headers of the request that made the call necessary. */
export type Call = (
  service: string,
  method: string,
  path: string,
  incoming: IncomingHttpHeaders,
  body?: unknown,
) => Promise<ServiceReply>;

const timeoutMs = 10_000;
const maxReplyBytes = 1024 * 1024;

/**
 * Trace headers that an app hands on so that the spans of its callers and of those it calls join into one trace. This is
 * the one thing every mesh asks of its apps.
 */
const traceHeaders = [
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
];

/** Calls that all go to `HOST:PORT`, with the service's name as `Host`. */
export function callerThrough(hostAndPort: string): Call {
  const { hostname, port } = new URL(`http://${hostAndPort}`);
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  return (service, method, path, incoming, body) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? '' : JSON.stringify(body);
      const headers: Record<string, string | number> = { host: service, ...traceOf(incoming) };
      if (text) {
        headers['content-type'] = 'application/json';
        headers['content-length'] = Buffer.byteLength(text);
      }
      const fail = (error: Error) => reject(new UnreachableError(`${service}: ${error.message}`));
      const outgoing = request({
        hostname,
        port,
        method,
        path,
        headers,
        agent,
        signal: AbortSignal.timeout(timeoutMs),
      });
      outgoing.once('error', fail);
      outgoing.once('response', (response) => {
        let reply = '';
        response.setEncoding('utf8');
        response.once('error', fail);
        response.on('data', (part: string) => {
          reply += part;
          if (reply.length > maxReplyBytes) response.destroy(new Error('the reply is too large'));
        });
        response.once('end', () => resolve({ status: response.statusCode ?? 0, body: jsonOrText(reply) }));
      });
      outgoing.end(text);
    });
}

function traceOf(incoming: IncomingHttpHeaders): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of traceHeaders) {
    const value = incoming[name];
    if (typeof value === 'string') found[name] = value;
  }
  return found;
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
