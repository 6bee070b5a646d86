// @alone: it measures how soon a proxy under attack answers others, and what it holds on to.
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import t from 'tap';
import { frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import type { Owner } from '../../harness/owner.ts';
import { skipWithout } from '../../harness/peers.ts';
import { until } from '../../harness/until.ts';
import { startOrigin } from '../../slow/origin.ts';
import { type Flood, type FloodEnd, launch } from './flood.ts';
import { floods } from './rows/all.ts';
import { startTarget } from './target.ts';
import { slowestMs, startWitness, type WitnessReport } from './witness.ts';

/** `node FILE --peer haproxy` runs the same floods against a peer, `--only WORDS` those with these words in their name. */
const { values: flags } = parseArgs({
  options: { peer: { type: 'string', default: 'meshlane' }, only: { type: 'string', default: '' } },
  strict: false,
}) as { values: { peer: string; only: string } };

const latestMs = 100;
const boundBytes = 48 * 1024 * 1024;
const memoryEveryMs = 50;
/** Behind each flood: what it left behind may still hold others up. */
const aftermathMs = 250;
const leastAnswers = 5;
const callersBefore = 20;
const requestsEach = 100;

const residentBytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) * 1024;

function describe({ sentBytes, closed, connections, errors }: FloodEnd, seen: WitnessReport): string {
  const ending = closed === 0 ? 'absorbed' : `${closed} of ${connections} closed ${errors.join(', ')}`;
  const slowest = `slowest of ${seen.answers.length} answers ${Math.round(slowestMs(seen))} ms`;
  return `${Math.round(sentBytes / 1024)} KiB sent, ${ending}; ${slowest}`;
}

/** Ordinary traffic: the memory of a proxy that is in use is what floods are compared with. */
async function serveBefore(t: Owner, port: number): Promise<void> {
  const call = async () => {
    const caller = await frameClient(t, port);
    for (let i = 0; i < requestsEach; i++) {
      const { status } = await caller.reply(caller.request(requestFields('GET', '/small')));
      if (status !== 200) throw new Error(`the proxy answers ${status} before the first flood`);
    }
    caller.socket.destroy();
  };
  await Promise.all(Array.from({ length: callersBefore }, call));
}

t.setTimeout(300_000);
t.test('floods of HTTP/2', await skipWithout('nginx'), async (t) => {
  const originPort = await startOrigin(t);
  const witness = startWitness(t);
  const target = await startTarget(t, flags.peer, originPort);
  const attack = async (flood: Flood) => {
    let end: FloodEnd | null = null;
    const seen = await witness.watch(target, originPort, async () => {
      end = await launch(flood, target.port);
      await wait(aftermathMs);
    });
    return { seen, end: end! as FloodEnd };
  };
  await serveBefore(t, target.port);
  const idleBytes = residentBytes(target.pid);
  let peakBytes = idleBytes;
  const memory = setInterval(() => {
    if (target.isRunning()) peakBytes = Math.max(peakBytes, residentBytes(target.pid));
  }, memoryEveryMs);
  t.teardown(() => clearInterval(memory));

  for (const flood of floods.filter(({ name }) => name.includes(flags.only)))
    await t.test(`others are served during ${flood.name} (${flood.reference})`, async (t) => {
      let { seen, end } = await attack(flood);
      // A machine may stop as a whole, which no thread of it can tell: only what is late twice is late.
      if (slowestMs(seen) > latestMs) ({ seen, end } = await attack(flood));
      t.comment(`${describe(end, seen)}; ${Math.round(residentBytes(target.pid) / 1e6)} MB resident`);
      t.strictSame(seen.failures, [], 'everybody else is answered');
      t.ok(seen.answers.length >= leastAnswers, `${seen.answers.length} were`);
      t.ok(slowestMs(seen) <= latestMs, `within ${latestMs} ms: ${Math.round(slowestMs(seen))} ms`);
      if (flood.mustClose) t.equal(end.closed, end.connections, 'whoever floods is shown the door');
      t.ok(target.isRunning(), 'the proxy lives on');
    });

  clearInterval(memory);
  const grown = peakBytes - idleBytes;
  t.comment(`grew by ${Math.round(grown / 1e6)} MB from ${Math.round(idleBytes / 1e6)} MB`);
  const { gauge } = target;
  if (gauge === null) return;
  t.ok(grown <= boundBytes, `all of them together cost no more than 48 MiB: ${Math.round(grown / 1e6)} MB`);
  for (const name of ['meshlane_connections', 'meshlane_requests_in_flight'])
    await until(async () => (await gauge(name)) === 0, { what: `0 of ${name}` });
});
