import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { frameOrigin, replyFrames } from '../../harness/http2/frame-origin.ts';
import { rstStreamFrame } from '../../harness/http2/frame-writer.ts';
import { skipWithout } from '../../harness/peers.ts';
import { startOrigin } from '../../slow/origin.ts';
import type { Target } from './target.ts';
import { slowestMs, startWitness } from './witness.ts';

/** The main thread of this process stands for a proxy. */
const target = (port: number): Target => ({
  port,
  pid: process.pid,
  threads: /^node-MainThread/,
  gauge: null,
  isRunning: () => true,
});

const busyMs = 300;

/** Time on a CPU counts: what the machine keeps from this thread is nothing that a witness may hold against it. */
function keepBusy(): void {
  const before = process.threadCpuUsage();
  const usedMs = () => {
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  };
  while (usedMs() < busyMs);
}

t.test('a proxy that is busy with something else is found out', await skipWithout('nginx'), async (t) => {
  const originPort = await startOrigin(t);
  const witness = startWitness(t);
  const proxy = await frameOrigin(t, ({ stream }) => replyFrames(stream, { body: 'fine' }));
  const idle = await witness.watch(target(proxy.port), originPort, () => wait(300));
  t.strictSame(idle.failures, []);
  t.ok(idle.answers.length >= 5, `${idle.answers.length} answers`);
  const busy = await witness.watch(target(proxy.port), originPort, async () => {
    await wait(100);
    keepBusy();
    await wait(100);
  });
  t.ok(slowestMs(busy) > 100, `${Math.round(slowestMs(busy))} ms`);
  t.ok(proxy.connections.length >= 4, 'newcomers ask, too');
});

t.test('whatever is no reply is a failure', await skipWithout('nginx'), async (t) => {
  const originPort = await startOrigin(t);
  const proxy = await frameOrigin(t, ({ stream, index }) =>
    index % 2 === 0 ? rstStreamFrame(stream, 'REFUSED_STREAM') : replyFrames(stream, { status: 503 }),
  );
  const seen = await startWitness(t).watch(target(proxy.port), originPort, () => wait(100));
  t.equal(seen.failures.length, seen.answers.length);
  t.match(seen.failures.slice(0, 2), [/REFUSED_STREAM/, /^503/]);
});

t.test('what origin and machine took is not held against a proxy', async (t) => {
  const answers = [
    { tookMs: 300, directMs: 250, waitedMs: 0 },
    { tookMs: 200, directMs: 1, waitedMs: 150 },
    { tookMs: 60, directMs: 1, waitedMs: 0 },
  ];
  t.equal(slowestMs({ answers, failures: [] }), 59);
});
