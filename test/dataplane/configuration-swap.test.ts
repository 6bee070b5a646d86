import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { until } from '../harness/until.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { instance, policy, route, service, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { runningWorkers } from './harness/worker-pool.ts';

t.test('requests under way end where they began; the next one goes where the change says', async (t) => {
  const held: (() => void)[] = [];
  const before = await scriptedOrigin(t, async () => {
    await new Promise<void>((resolve) => held.push(resolve));
    return reply('before');
  });
  const after = await scriptedOrigin(t, () => reply('after'));
  const workers = await runningWorkers(t, [
    ...serviceAt('a', before.port),
    ...serviceAt('b', after.port),
    route('r', [{ backends: [{ service: 'a' }] }]),
  ]);
  const client = await rawClient(t, workers.port);
  client.send(get() + get());
  await until(() => held.length === 1);
  t.equal(
    await workers.configure([route('r', [{ backends: [{ service: 'b' }] }])], ['Instance/a-0', 'Service/a']),
    null,
  );
  t.equal((await ask(t, workers.port, get())).body.toString(), 'after');
  held[0]!();
  t.equal((await client.reply()).body.toString(), 'before');
  t.equal((await client.reply()).body.toString(), 'after');
  await until(() => before.connections[0]!.isClosed, {
    timeoutMs: 2000,
    what: 'the connection to what is gone to close',
  });
});

t.test('requests that wait for a connection of an instance that is taken out are still answered', async (t) => {
  const held: (() => void)[] = [];
  const origin = await scriptedOrigin(t, async ({ head }) => {
    await new Promise<void>((resolve) => held.push(resolve));
    return reply(head.split(' ')[1]);
  });
  const workers = await runningWorkers(t, [
    ...serviceAt('app', origin.port),
    policy('app', { connections: { max: 1 } }),
  ]);
  const clients = [];
  for (const path of ['/1', '/2', '/3']) {
    const client = await rawClient(t, workers.port);
    client.send(get(path));
    clients.push(client);
    await wait(30);
  }
  await until(() => held.length === 1);
  t.equal(await workers.configure([], ['Instance/app-0']), null);
  for (const [i, client] of clients.entries()) {
    await until(() => held.length === i + 1, { timeoutMs: 3000, what: `request ${i + 1}` });
    held[i]!();
    t.equal((await client.reply()).body.toString(), `/${i + 1}`);
  }
});

t.test('a change keeps the connections and the breaker of the instances it does not touch', async (t) => {
  const origin = await scriptedOrigin(t, ({ head }) => reply('x', '', head.includes('/fail') ? 500 : 200));
  const resources = [
    ...serviceAt('app', origin.port),
    policy('app', { breaker: { consecutiveFailures: 2, openFor: '60s' } }),
  ];
  const workers = await runningWorkers(t, resources);
  await ask(t, workers.port, get());
  t.equal(await workers.configure([service('other'), instance('other-0', 'other', 1)]), null);
  await ask(t, workers.port, get());
  t.equal(origin.connections.length, 1);
  for (let i = 0; i < 2; i++) await ask(t, workers.port, get('/fail'));
  t.equal((await ask(t, workers.port, get())).status, 503);
  t.equal(await workers.configure(resources), null);
  t.equal((await ask(t, workers.port, get())).header('x-meshlane-reason'), 'breaker_open');
  t.equal(origin.connections.length, 1);
});

t.test('not one request fails while the configuration changes all the time', async (t) => {
  const a = await scriptedOrigin(t, () => reply('a'));
  const b = await scriptedOrigin(t, () => reply('b'));
  const routeTo = (name: string) => route('r', [{ backends: [{ service: name }] }]);
  const workers = await runningWorkers(t, [...serviceAt('a', a.port), ...serviceAt('b', b.port), routeTo('a')], 2);
  let isOver = false;
  let answered = 0;
  const failures: string[] = [];
  const callers = Array.from({ length: 8 }, async () => {
    const client = await rawClient(t, workers.port);
    while (!isOver) {
      client.send(get());
      const got = await client.reply();
      answered++;
      if (got.status !== 200) failures.push(`${got.status} ${got.header('x-meshlane-reason')}`);
    }
  });
  for (let i = 0; i < 60; i++) {
    const name = i % 2 === 0 ? 'b' : 'a';
    t.equal(await workers.configure([routeTo(name)]), null);
    const client = await rawClient(t, workers.port);
    client.send(get());
    t.equal((await client.reply()).body.toString(), name, 'in force when it is acknowledged');
    client.socket.destroy();
  }
  isOver = true;
  await Promise.all(callers);
  t.same(failures, []);
  t.ok(answered > 100, `${answered} requests`);
});

t.test('a change that cannot be compiled is refused and the last good one stays', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('ok'));
  const workers = await runningWorkers(t, serviceAt('app', origin.port));
  const broken = route('r', [{ matches: [{ path: { type: 'RegularExpression', value: '/a' } }] }]);
  (broken.spec as { rules: { matches: { path: { value: string } }[] }[] }).rules[0]!.matches[0]!.path.value = '(';
  t.match(await workers.configure([broken]), /SyntaxError/);
  t.equal((await ask(t, workers.port, get())).status, 200);
  t.equal(await workers.configure([service('more')]), null);
});
