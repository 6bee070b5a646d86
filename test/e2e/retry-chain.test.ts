import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { ask, get, rawClient } from '../dataplane/harness/raw-client.ts';
import { instance, policy, service } from '../dataplane/harness/resources.ts';
import { reply, scriptedOrigin } from '../dataplane/harness/scripted-origin.ts';
import { type StaticProxy, staticProxy } from '../dataplane/harness/static-proxy.ts';
import type { Owner } from '../harness/owner.ts';

/**
 * Services in a row, each an application with its sidecar. The applications pass on what any instrumented application does,
 * `traceparent`, and answer as they were answered.
 */

const retry = { attempts: 2, backoff: '1ms', maxBackoff: '1ms', budget: { percent: 20, minPerSecond: 0 } };
const withoutBudget = { ...retry, attempts: 1, budget: { percent: 1000, minPerSecond: 1000 } };

type Row = { readonly first: StaticProxy; readonly reached: () => number };

/** `count` services, of which the last one answers by `script`; requests go to the first one's sidecar. */
async function row(t: Owner, count: number, section: object, script: (index: number) => string): Promise<Row> {
  const last = await scriptedOrigin(t, ({ index }) => script(index));
  let next = await sidecar(t, last.port, null, section);
  for (let i = 1; i < count; i++) {
    const ports = { outbound: 0 };
    const app = await application(t, ports);
    const own = await sidecar(t, app, next, section);
    ports.outbound = own.port;
    next = own;
  }
  return { first: await sidecar(t, 1, next, section), reached: () => last.requests.length };
}

/** The sidecar of an application, which calls the one behind the `next`. */
function sidecar(t: Owner, appPort: number, next: StaticProxy | null, section: object): Promise<StaticProxy> {
  const callee =
    next === null
      ? []
      : [
          service('next'),
          instance('next-0', 'next', next.inboundPort, { protocol: 'http2' }),
          policy('next', { retry: section }),
        ];
  return staticProxy(t, { resources: [service('app'), ...callee], appPort });
}

/** Resolves with the port of an application that asks the next service for all that it is asked. */
async function application(t: Owner, ports: { outbound: number }): Promise<number> {
  const server = createServer((asked, answer) => {
    const headers = { host: 'next', traceparent: asked.headers['traceparent'] };
    const call = request({ port: ports.outbound, host: '127.0.0.1', headers, path: asked.url });
    call.on('response', (got) => answer.writeHead(got.statusCode!) && got.pipe(answer));
    call.on('error', () => answer.destroy());
    call.end();
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

t.test('a failure is tried again by the service next to it, and by no other', async (t) => {
  const { first, reached } = await row(t, 3, withoutBudget, () => reply('', '', 503));
  t.equal((await ask(t, first.port, get('/', 'next'))).status, 503);
  t.equal(reached(), 2);
});

t.test('what a retry causes is not tried again', async (t) => {
  const { first, reached } = await row(t, 3, withoutBudget, () => reply('', '', 503));
  t.equal((await ask(t, first.port, get('/', 'next', 'X-Meshlane-Attempt: 2\r\n'))).status, 503);
  t.equal(reached(), 1);
});

t.test('the next request of the same kind is tried again as the first one was', async (t) => {
  const { first, reached } = await row(t, 2, withoutBudget, (index) => reply('', '', index % 2 === 0 ? 503 : 200));
  for (let i = 1; i <= 5; i++) {
    t.equal((await ask(t, first.port, get('/', 'next'))).status, 200);
    t.equal(reached(), i * 2);
  }
});

t.test('under total failure three hops send a service at most 1.2 times what was asked of the first', async (t) => {
  const { first, reached } = await row(t, 3, retry, () => reply('', '', 503));
  const client = await rawClient(t, first.port);
  const offered = 400;
  for (let i = 0; i < offered; i++) {
    client.send(get('/', 'next'));
    t.equal((await client.reply()).status, 503);
  }
  t.ok(reached() > offered * 1.1, 'there are retries');
  t.ok(reached() <= offered * 1.2, `${reached()} of ${offered}`);
});
