import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from '../../controlplane/control-plane.ts';
import type { Log } from '../../observability/logging/log.ts';
import { formatAddress } from '../../shared/discovery/address.ts';
import { request } from '../../shared/http/undici.ts';
import type { Owner } from '../harness/owner.ts';

export type Reply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
};

export type Plane = ControlPlane & {
  readonly url: string;
  readonly push: string;
  readonly logged: readonly string[];
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
};

/** A control plane in this process, with a store in memory unless told otherwise, and a client of its API. */
export async function startPlane(t: Owner, options: ControlPlaneOptions = {}): Promise<Plane> {
  const logged: string[] = [];
  const write = (message: string, data?: object) => void logged.push(`${message} ${JSON.stringify(data ?? {})}`);
  const log: Log = { info: write, warn: write };
  const plane = await startControlPlane({ log, ...options });
  t.teardown(() => plane.close());
  const url = `http://${formatAddress(plane.apiAddress)}`;
  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    callApi(url, method, path, body, headers);
  return { ...plane, url, push: formatAddress(plane.pushAddress), logged, call };
}

/** A text goes out as it is, anything else as JSON. */
export async function callApi(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const text = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const reply = await request(url + path, {
    method: method as 'GET',
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(text === undefined ? {} : { body: text }),
  });
  const answer = await reply.body.text();
  const isJson = answer !== '' && /json/.test(String(reply.headers['content-type']));
  return { status: reply.statusCode, headers: reply.headers, body: isJson ? JSON.parse(answer) : answer };
}

export const echo = { kind: 'Service', name: 'echo', spec: { protocol: 'http1' } };
export const toEcho = { spec: { rules: [{ backends: [{ service: 'echo' }] }] } };
export const echo1 = { kind: 'Instance', name: 'echo-1', spec: { service: 'echo', address: '127.0.0.1', port: 9000 } };
