import t from 'tap';
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

const calls: readonly (readonly [path: string, fields: Readonly<Record<string, string>>, service: string | null])[] = [
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
});

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
