import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import type { Owner } from '../harness/owner.ts';
import { ask, get } from './harness/raw-client.ts';
import { instance, route, service } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';
import { runningWorkers } from './harness/worker-pool.ts';
import { callerOf, originOf } from './http2/calling.ts';

/** Instances that answer with their place. */
async function origins(t: Owner, count: number): Promise<number[]> {
  const started = Array.from({ length: count }, (_, i) => scriptedOrigin(t, () => reply(`${i}`)));
  return (await Promise.all(started)).map(({ port }) => port);
}

const instances = (ports: readonly number[]) => ports.map((port, i) => instance(`app-${i}`, 'app', port));
const sticky = (sessionPersistence: object, backends: object[] = [{ service: 'app' }]) =>
  route('sticky', [{ backends, sessionPersistence }]);

type RunningWorkers = Awaited<ReturnType<typeof runningWorkers>>;
type Visit = { readonly place: string; readonly session: string | undefined; readonly setCookie: string | undefined };

async function visit(t: Owner, port: number, session?: string, field = 'Cookie'): Promise<Visit> {
  const got = await ask(t, port, get('/', 'app', session === undefined ? '' : `${field}: ${session}\r\n`));
  const setCookie = got.header('set-cookie');
  return { place: got.body.toString(), session: setCookie?.split(';')[0] ?? got.header('x-session'), setCookie };
}

async function mesh(t: Owner, count: number, section: object): Promise<{ workers: RunningWorkers; ports: number[] }> {
  const ports = await origins(t, count);
  const workers = await runningWorkers(t, [service('app'), ...instances(ports), sticky(section)]);
  return { workers, ports };
}

t.test('a client stays with its instance, whatever others come and leave', async (t) => {
  const { workers, ports } = await mesh(t, 6, {});
  const all = instances(ports);
  await workers.configure([], ['Instance/app-3', 'Instance/app-4', 'Instance/app-5']);
  const clients: Visit[] = [];
  for (let i = 0; i < 12; i++) clients.push(await visit(t, workers.port));
  t.ok(new Set(clients.map(({ place }) => place)).size > 1, 'new clients are spread');
  const stay = async (message: string) => {
    for (const client of clients) {
      const again = await visit(t, workers.port, client.session);
      t.equal(again.place, client.place, message);
      t.equal(again.setCookie, undefined, 'nothing new to tell');
    }
  };
  await stay('as it was');
  await workers.configure(all.slice(3), []);
  await stay('after three have come');
  const used = new Set(clients.map(({ place }) => place));
  const unused = all.filter((_, i) => !used.has(String(i)));
  await workers.configure(
    [],
    unused.map(({ name }) => `Instance/${name}` as const),
  );
  await stay('after others have left');
});

t.test('a session whose instance is gone goes on elsewhere, with a new token', async (t) => {
  const { workers } = await mesh(t, 2, {});
  const first = await visit(t, workers.port);
  await workers.configure([], [`Instance/app-${Number(first.place)}`]);
  const second = await visit(t, workers.port, first.session);
  t.not(second.place, first.place);
  t.not(second.session, first.session);
  t.equal((await visit(t, workers.port, second.session)).setCookie, undefined);
});

t.test('a cookie is one that scripts do not see, and is found among others', async (t) => {
  const { workers } = await mesh(t, 4, { sessionName: 'sid' });
  const { place, setCookie, session } = await visit(t, workers.port);
  t.match(setCookie, /^sid=[0-9a-f]{16}\.[0-9a-z]+\.[0-9a-z]+; Path=\/; HttpOnly; SameSite=Lax$/);
  for (let i = 0; i < 8; i++) t.equal((await visit(t, workers.port, `a=1; ${session}; xsid=2`)).place, place);
});

t.test('a permanent cookie lasts as long as the session', async (t) => {
  const section = { absoluteTimeout: '1h', cookieConfig: { lifetimeType: 'Permanent' } };
  const { workers } = await mesh(t, 1, section);
  t.match((await visit(t, workers.port)).setCookie, /; Max-Age=3600$/);
});

t.test('a session can be kept in a field', async (t) => {
  const { workers } = await mesh(t, 4, { type: 'Header', sessionName: 'X-Session' });
  const first = await visit(t, workers.port);
  t.match(first.session, /^[0-9a-f]{16}\./);
  for (let i = 0; i < 8; i++) {
    const again = await visit(t, workers.port, first.session, 'X-Session');
    t.strictSame([again.place, again.session], [first.place, undefined]);
  }
});

t.test('sessions end by their age, and by the time since their last request', async (t) => {
  const { workers } = await mesh(t, 1, { absoluteTimeout: '1s' });
  const first = await visit(t, workers.port);
  await wait(2100);
  t.ok((await visit(t, workers.port, first.session)).setCookie, 'a new one');
  const idle = await mesh(t, 1, { idleTimeout: '3s' });
  let current = await visit(t, idle.workers.port);
  const began = current.session!.split('.')[1];
  for (let i = 0; i < 4; i++) {
    await wait(1100);
    current = await visit(t, idle.workers.port, current.session);
    t.equal(current.session!.split('.')[1], began, 'goes on while it is used');
  }
});

t.test('tokens that nobody gave out say nothing', async (t) => {
  const { workers } = await mesh(t, 2, {});
  for (const token of ['', 'x', '0000000000000000.1.1', `${'f'.repeat(16)}.zzzzzzzzzz.1`, '../../etc', '%00'])
    t.match((await visit(t, workers.port, `meshlane-session=${token}`)).setCookie, /^meshlane-session=/, token);
});

t.test('a session stays with its backend, whatever the weights become', async (t) => {
  const ports = await origins(t, 2);
  const services = ['blue', 'green'];
  const weighted = (blue: number, green: number) =>
    sticky({}, [
      { service: 'blue', weight: blue },
      { service: 'green', weight: green },
    ]);
  const workers = await runningWorkers(t, [
    ...services.flatMap((name, i) => [service(name), instance(`${name}-0`, name, ports[i]!)]),
    weighted(1, 0),
  ]);
  const blue = await visit(t, workers.port);
  t.equal(blue.place, '0');
  await workers.configure([weighted(1, 99)], []);
  for (let i = 0; i < 10; i++) t.equal((await visit(t, workers.port, blue.session)).place, '0');
  await workers.configure([weighted(0, 1)], []);
  t.equal((await visit(t, workers.port, blue.session)).place, '1', 'until its backend has no weight');
});

t.test('a failure is tried elsewhere, and the session follows', async (t) => {
  const good = await scriptedOrigin(t, () => reply('good'));
  const failing = await scriptedOrigin(t, ({ index }) => (index === 0 ? reply('first') : reply('', '', 503)));
  const workers = await runningWorkers(t, [service('app'), ...instances([failing.port]), sticky({})]);
  const first = await visit(t, workers.port);
  await workers.configure([instance('app-1', 'app', good.port)], []);
  const second = await visit(t, workers.port, first.session);
  t.equal(second.place, 'good');
  t.equal((await visit(t, workers.port, second.session)).place, 'good');
});

for (const [caller, origin] of [
  ['http1', 'http2'],
  ['http2', 'http1'],
  ['http2', 'http2'],
] as const)
  t.test(`sessions of ${caller} callers of ${origin} instances`, async (t) => {
    const ports = await Promise.all([0, 1, 2].map((i) => originOf(t, origin, (_, answer) => answer.end(`${i}`))));
    const proxy = await staticProxy(t, {
      resources: [
        service('app'),
        ...ports.map((port, i) => instance(`app-${i}`, 'app', port, { protocol: origin })),
        sticky({}),
      ],
    });
    const call = callerOf(t, caller, proxy.port);
    const first = await call({});
    const cookie = first.fields['set-cookie']![0]!.split(';')[0]!;
    for (let i = 0; i < 9; i++) {
      const again = await call({ fields: { cookie: `a=1; ${cookie}` } });
      t.equal(again.body.toString(), first.body.toString());
      t.equal(again.fields['set-cookie'], undefined);
    }
  });
