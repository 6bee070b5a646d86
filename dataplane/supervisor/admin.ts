import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Address } from '../../shared/discovery/address.ts';
import { http } from '../../shared/http/node-http.ts';
import type { AskedRequest } from '../../shared/routing/explain/asked-request.ts';

/** What the admin port can be asked. */
export type AdminView = {
  /** Null when ready, else the reason why not. */
  notReady(): string | null;
  metrics(): Promise<string>;
  snapshot(): object;
  /** What would become of a request; null while that changes. */
  explain(request: AskedRequest): Promise<object | null>;
  drain(): void;
};

/**
 * The admin port of a proxy. Plain `node:http`: a framework for six answers would cost every sidecar 15 MB.
 */
export async function startAdmin(
  address: Address,
  view: AdminView,
): Promise<{ address: Address; close(): Promise<void> }> {
  const server = http.createServer((request, response) => {
    answer(request, response, view).catch((error: unknown) => {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(`${String(error)}\n`);
    });
  });
  await listen(server, address);
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  return {
    address: { host: address.host, port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, view: AdminView): Promise<void> {
  const path = (request.url ?? '/').split('?')[0];
  const text = (status: number, body: string) =>
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${body}\n`);
  if (path === '/drain') {
    if (request.method !== 'POST') return void text(405, 'Use POST /drain.');
    view.drain();
    return void text(202, 'draining');
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return void text(405, 'Only GET is answered here.');
  switch (path) {
    case '/healthz':
      return void text(200, 'ok');
    case '/readyz': {
      const reason = view.notReady();
      return void text(reason === null ? 200 : 503, reason ?? 'ready');
    }
    case '/metrics':
      return void response
        .writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
        .end(await view.metrics());
    case '/snapshot':
      return json(response, 200, view.snapshot());
    case '/explain':
      return answerExplain(request.url ?? '', response, view);
    default:
      return void text(404, 'There are /healthz, /readyz, /metrics, /snapshot, /explain and POST /drain.');
  }
}

const changing = 'the configuration is changing; ask again';

/** `/explain?method=GET&url=http://cart/v2&header=x-user:%20ada`; `header` may be repeated. */
async function answerExplain(url: string, response: ServerResponse, view: AdminView): Promise<void> {
  const { readAskedRequest } = await import('../../shared/routing/explain/asked-request.ts'); // only where somebody asks
  const at = url.indexOf('?');
  const asked = new URLSearchParams(at === -1 ? '' : url.slice(at));
  const read = readAskedRequest(asked.get('method') ?? 'GET', asked.get('url') ?? '', asked.getAll('header'));
  if (!read.ok) return json(response, 400, { errors: read.issues });
  const explanation = await view.explain(read.value);
  if (explanation === null) return json(response, 503, { errors: [{ pointer: '', message: changing }] });
  json(response, 200, explanation);
}

function json(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(value, null, 2)}\n`);
}

function listen(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
