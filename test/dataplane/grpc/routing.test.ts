import t, { type Test } from 'tap';
import { wireClient } from '../../harness/grpc/wire-client.ts';
import { wireServer } from '../../harness/grpc/wire-server.ts';
import { route } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { checkLocalReply } from './local-reply.ts';
import { grpcServiceAt } from './resources.ts';

/** The path of a call is its service and method, and its metadata are fields: what routes can say of them. */

const to = (service: string, ...matches: object[]) => ({ matches, backends: [{ service }] });
const path = (type: string, value: string) => ({ path: { type, value } });
const gold = { headers: [{ name: 'x-tenant', value: 'gold' }] };

const rules = [
  to('exact', path('Exact', '/shop.Cart/Add')),
  to('prefix', path('PathPrefix', '/shop.Cart')),
  to('pattern', path('RegularExpression', '/shop[.](Stock|Price)/Get[A-Z][a-z]+')),
  to('gold', { ...path('PathPrefix', '/shop.Order'), ...gold }),
  to('binary', { headers: [{ name: 'x-key-bin', value: 'q6ur' }] }),
  to('rest', path('PathPrefix', '/shop.Order')),
];

type Calls = readonly (readonly [path: string, fields: Readonly<Record<string, string>>, service: string | null])[];

const calls: Calls = [
  ['/shop.Cart/Add', {}, 'exact'],
  ['/shop.Cart/add', {}, 'prefix'],
  ['/shop.Cart/AddAll', {}, 'prefix'],
  ['/shop.Carton/Add', {}, null],
  ['/shop.Stock/GetAll', {}, 'pattern'],
  ['/shop.Price/GetOne', {}, 'pattern'],
  ['/shop.Stock/Set', {}, null],
  ['/shop.Order/Place', { 'x-tenant': 'gold' }, 'gold'],
  ['/shop.Order/Place', { 'x-tenant': 'silver' }, 'rest'],
  ['/shop.Order/Place', {}, 'rest'],
  ['/shop.Other/Get', { 'x-key-bin': 'q6ur' }, 'binary'],
  ['/shop.Other/Get', {}, null],
];

t.test('a call is routed by its service, its method and its metadata', async (t) => {
  await checkCalls(t, rules, calls);
});

const grpcRules = [
  to('method', { grpc: { method: 'Add' } }),
  to('cart', { grpc: { service: 'shop.Cart' } }),
  to('add', { grpc: { service: 'shop.Cart', method: 'Add' } }),
  to('goldcart', { grpc: { service: 'shop.Cart' }, ...gold }),
  to('getters', { grpc: { type: 'RegularExpression', service: 'shop[.](Stock|Price)', method: 'Get[A-Z].*' } }),
  to('rest', path('PathPrefix', '/')),
];

const grpcCalls: Calls = [
  ['/shop.Cart/Add', {}, 'add'],
  ['/shop.Cart/Add', { 'x-tenant': 'gold' }, 'add'],
  ['/shop.Cart/Remove', {}, 'cart'],
  ['/shop.Cart/Remove', { 'x-tenant': 'gold' }, 'goldcart'],
  ['/shop.Order/Add', {}, 'method'],
  ['/shop.Price/GetOne', {}, 'getters'],
  ['/shop.Price/Set', {}, 'rest'],
  ['/shop.Carton/Remove', {}, 'rest'],
];

t.test('a route may name services and methods, and the most specific match wins', async (t) => {
  await checkCalls(t, grpcRules, grpcCalls);
});

async function checkCalls(t: Test, rules: readonly ReturnType<typeof to>[], calls: Calls): Promise<void> {
  const services = rules.map(({ backends }) => backends[0]!.service);
  const resources = [route('shop', rules)];
  for (const name of services) {
    const { port } = await wireServer(t, (call) => call.answer(Buffer.from(name)));
    resources.push(...grpcServiceAt(name, port));
  }
  const proxy = await staticProxy(t, { resources });
  const client = await wireClient(t, proxy.port);
  for (const [path, fields, service] of calls) {
    const end = await client.ask(path, { fields });
    if (service === null) checkLocalReply(t, end, 'route_not_found');
    else t.equal(end.messages[0]?.bytes.toString(), service, `${path} ${JSON.stringify(fields)}`);
  }
}

t.test('the authority is the host, with or without a port', async (t) => {
  const resources = [];
  for (const name of ['cart', 'stock']) {
    const { port } = await wireServer(t, (call) => call.answer(Buffer.from(name)));
    resources.push(...grpcServiceAt(name, port));
  }
  const proxy = await staticProxy(t, { resources });
  const client = await wireClient(t, proxy.port);
  for (const authority of ['cart', 'stock', 'cart:50051', 'STOCK']) {
    const { messages } = await client.ask('/shop.Cart/Add', { fields: { ':authority': authority } });
    t.equal(messages[0]?.bytes.toString(), authority.split(':')[0]!.toLowerCase());
  }
});
