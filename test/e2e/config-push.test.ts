// @alone: it measures how long a change takes to reach the traffic
import { setTimeout as wait } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { startEtcd } from '../controlplane/etcd.ts';
import { skipWithout } from '../harness/peers.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { type Answer, Caller } from './caller.ts';
import { acquaint, startApp, startPlane, startSidecar } from './mesh.ts';
import { steadyLoad } from './steady-load.ts';

const boundMs = 50;
const mostRuns = 3;
const changes = 100;
/** Between a rollout's end and the next change. */
const pauseMs = 20;
const question = { host: 'product' };

/** All traffic of product to one version. */
const routeTo = (version: string) => ({
  spec: { hostnames: ['product'], rules: [{ backends: [{ service: 'product', labels: { version } }] }] },
});

/** Asks a millisecond after each reply, on a connection of its own, and tells each answer until `done`. */
async function watchClosely(port: number, done: () => boolean, onAnswer: (answer: Answer) => void): Promise<void> {
  const caller = new Caller(port);
  while (!done()) {
    onAnswer(await caller.ask(question));
    await wait(1);
  }
  caller.close();
}

/** Returns the p99 of the time from the answer to a PUT to the first reply of the new version, in ms. */
async function measure(t: Test, store: string): Promise<number> {
  const state = tempFolder(t);
  const plane = await startPlane(t, store);
  await plane.call('PUT', '/v1/services/product', {});
  await plane.call('PUT', '/v1/routes/x', routeTo('v1'));
  const [v1, v2] = await Promise.all([startApp(t, 'v1'), startApp(t, 'v2')]);
  const mesh = { push: plane.push, state };
  const [caller] = await Promise.all([
    startSidecar(t, { ...mesh, name: 'caller', service: 'caller' }),
    startSidecar(t, { ...mesh, name: 'product-1', service: 'product', app: v1, more: ['--labels', 'version=v1'] }),
    startSidecar(t, { ...mesh, name: 'product-2', service: 'product', app: v2, more: ['--labels', 'version=v2'] }),
  ]);
  await acquaint(caller, 'product', 2);

  const startedMs = performance.now();
  const load = steadyLoad(t, { port: caller.outbound, question, perSecond: 200 });
  const answers: Answer[] = [];
  let isOver = false;
  let waitingFor: { version: string; found(answer: Answer): void } | null = null;
  const watching = watchClosely(
    caller.outbound,
    () => isOver,
    (answer) => {
      answers.push(answer);
      if (waitingFor?.version === answer.from) waitingFor.found(answer);
    },
  );
  watching.catch((error: Error) => t.fail(error.message));
  await until(() => answers.length > 0, { what: 'the first answer' });
  const sentAfterMs: number[] = [];
  const answeredAfterMs: number[] = [];
  const rollouts: string[] = [];
  for (let i = 0; i < changes; i++) {
    const version = i % 2 === 0 ? 'v2' : 'v1';
    const first = new Promise<Answer>((found) => {
      waitingFor = { version, found };
    });
    const { status, body } = await plane.call('PUT', '/v1/routes/x', routeTo(version));
    const storedMs = performance.now();
    t.equal(status, 200);
    const { sentMs, answeredMs } = await first;
    waitingFor = null;
    sentAfterMs.push(Math.max(0, sentMs - storedMs));
    answeredAfterMs.push(Math.max(0, answeredMs - storedMs));
    const rollout = await until(
      async () => {
        const { body: told } = await plane.call('GET', `/v1/rollouts/${body.revision}`);
        return told.state === 'applied' ? told : null;
      },
      { what: `the rollout of revision ${body.revision}`, everyMs: 2 },
    );
    rollouts.push(rollout.summary);
    await wait(pauseMs);
  }
  isOver = true;
  await watching;
  await load.stop();

  const share = (values: readonly number[], part: number) =>
    values.toSorted((a, b) => a - b)[Math.ceil(values.length * part) - 1]!;
  const line = (values: readonly number[]) => [0.5, 0.99, 1].map((part) => share(values, part).toFixed(1)).join(' / ');
  t.comment(`PUT answered to first request sent the new way, p50 / p99 / most: ${line(sentAfterMs)} ms`);
  t.comment(`PUT answered to first reply of the new version, p50 / p99 / most: ${line(answeredAfterMs)} ms`);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  t.comment(`${load.total} requests of the load and ${answers.length} of the watcher in ${seconds} s`);
  t.strictSame(
    rollouts.filter((summary) => summary !== 'applied 3/3'),
    [],
    'every revision was applied everywhere',
  );
  t.strictSame(load.failures, [], 'no request of the load failed');
  t.strictSame(
    answers.filter(({ status }) => status !== 200),
    [],
    'no request of the watcher failed',
  );
  const turns = answers.filter(({ from }, i) => i > 0 && from !== answers[i - 1]!.from).length;
  t.equal(turns, changes, 'the traffic turned once for each change and never back');
  t.ok(load.total > 100, `${load.total} requests`);
  return share(answeredAfterMs, 0.99);
}

/** A machine that stalls does so now and then; a mesh that is slow is slow in every run. */
async function reachesTraffic(t: Test, makeStore: (t: Test) => Promise<string>): Promise<void> {
  let p99Ms = Number.POSITIVE_INFINITY;
  for (let run = 1; run <= mostRuns && p99Ms >= boundMs; run++)
    await t.test(`run ${run}`, async (t) => {
      p99Ms = await measure(t, await makeStore(t));
    });
  t.ok(p99Ms < boundMs, `p99 is under ${boundMs} ms; it is ${p99Ms.toFixed(1)} ms`);
}

t.test('100 route changes under load reach the traffic at once, with SQLite', (t) =>
  reachesTraffic(t, async (t) => `sqlite:${tempFolder(t)}/mesh.db`),
);

t.test('100 route changes under load reach the traffic at once, with etcd', await skipWithout('etcd'), (t) =>
  reachesTraffic(t, async (t) => `etcd://${(await startEtcd(t)).address}`),
);
