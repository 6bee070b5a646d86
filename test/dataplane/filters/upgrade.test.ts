import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import type { Owner } from '../../harness/owner.ts';
import { route, serviceAt } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { speaking } from '../http2/calling.ts';

/** Filters of requests that become tunnels. */

const filtering = route('r', [
  {
    matches: [{ path: { value: '/chat' } }],
    filters: [
      { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/ws' } } },
      {
        type: 'RequestHeaderModifier',
        requestHeaderModifier: { set: [{ name: 'x-set', value: 'new' }], remove: ['x-gone'] },
      },
      { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-reply', value: 'new' }] } },
    ],
    backends: [{ service: 'app' }],
  },
]);

/** A stock application that sends back what it gets. */
async function echo(t: Owner): Promise<{ port: number; requests: IncomingMessage[] }> {
  const app = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(app, 'listening');
  t.teardown(() => {
    for (const socket of app.clients) socket.terminate();
    app.close();
  });
  const requests: IncomingMessage[] = [];
  app.on('headers', (headers) => headers.push('x-reply: old'));
  app.on('connection', (socket, request) => {
    requests.push(request);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return { port: (app.address() as AddressInfo).port, requests };
}

/** Where a caller of HTTP/1.1 connects, so that the proxy that filters stands between these two protocols. */
const ways = {
  'http1 -> http1': async (t: Owner, port: number) =>
    (await staticProxy(t, { resources: [...serviceAt('app', port), filtering] })).port,
  'http1 -> http2': async (t: Owner, port: number) => {
    const callee = await staticProxy(t, { appPort: port });
    return (await staticProxy(t, { resources: [...speaking('http2', callee.inboundPort), filtering] })).port;
  },
  'http2 -> http1': async (t: Owner, port: number) => {
    const middle = await staticProxy(t, { resources: [...serviceAt('app', port), filtering] });
    return (await staticProxy(t, { resources: speaking('http2', middle.port) })).port;
  },
  'http2 -> http2': async (t: Owner, port: number) => {
    const callee = await staticProxy(t, { appPort: port });
    const middle = await staticProxy(t, { resources: [...speaking('http2', callee.inboundPort), filtering] });
    return (await staticProxy(t, { resources: speaking('http2', middle.port) })).port;
  },
};

for (const [way, connect] of Object.entries(ways))
  t.test(`${way}: a WebSocket is opened with the heads that filters leave`, async (t) => {
    const app = await echo(t);
    const headers = { host: 'app', 'x-set': 'old', 'x-gone': '1', 'x-kept': '2' };
    const client = new WebSocket(`ws://127.0.0.1:${await connect(t, app.port)}/chat/1?room=2`, { headers });
    t.teardown(() => client.terminate());
    const [upgrade] = (await Promise.all([once(client, 'upgrade'), once(client, 'open')]))[0] as [IncomingMessage];
    t.equal(upgrade.headers['x-reply'], 'new');
    client.send('hello');
    const [echoed] = (await once(client, 'message')) as [Buffer];
    t.equal(echoed.toString(), 'hello');
    const [request] = app.requests;
    t.equal(request!.url, '/ws/1?room=2');
    const { 'x-set': set, 'x-gone': gone, 'x-kept': kept } = request!.headers;
    t.strictSame([set, gone, kept], ['new', undefined, '2']);
  });
