import { join } from 'node:path';
import t from 'tap';
import { runCommand } from '../../harness/run-command.ts';
import { seededRandom } from '../../harness/seeded-random.ts';
import { judgeBalance } from './balance-figures.ts';
import { type Algorithm, runScenario } from './scenario.ts';
import { Server, type ServerModel } from './server.ts';
import { exponentialMs, Simulation } from './simulation.ts';

t.test('events happen in the order of their times, those of one moment as they were planned', async (t) => {
  const simulation = new Simulation();
  const random = seededRandom();
  const happened: number[] = [];
  const planned = Array.from({ length: 2000 }, () => random() % 500);
  planned.forEach((delayMs, i) => {
    simulation.after(delayMs, () => {
      if (simulation.nowMs !== delayMs) t.fail(`${i} at ${simulation.nowMs} ms instead of ${delayMs}`);
      happened.push(i);
    });
  });
  simulation.runUntil(499);
  t.equal(simulation.nowMs, 499);
  const order = [...planned.keys()].sort((a, b) => planned[a]! - planned[b]! || a - b);
  t.same(happened, order);
});

t.test('what is planned by an event happens in its turn, and nothing after the end', async (t) => {
  const simulation = new Simulation();
  const at: number[] = [];
  const tick = () => {
    at.push(simulation.nowMs);
    simulation.after(10, tick);
  };
  simulation.after(5, tick);
  simulation.runUntil(35);
  t.same(at, [5, 15, 25, 35]);
});

/** Mean time in the server for arrivals at this rate. */
function meanTime(model: ServerModel, perSecond: number, seconds: number): number {
  const simulation = new Simulation();
  const random = seededRandom();
  const server = new Server(model, simulation, random);
  let sum = 0;
  let count = 0;
  const arrive = () => {
    const fromMs = simulation.nowMs;
    server.ask(() => {
      sum += simulation.nowMs - fromMs;
      count++;
    });
    simulation.after(exponentialMs(1000 / perSecond, random), arrive);
  };
  arrive();
  simulation.runUntil(seconds * 1000);
  return sum / count;
}

t.test('a server is as quick as queueing theory says', async (t) => {
  const within = (value: number, wanted: number) => Math.abs(value / wanted - 1) < 0.03;
  const one = meanTime({ kind: 'well', meanMs: 10, slots: 1 }, 50, 2000);
  t.ok(within(one, 20), `M/M/1 at half load: 20 ms; ${one}`);
  const two = meanTime({ kind: 'well', meanMs: 10, slots: 2 }, 100, 2000);
  t.ok(within(two, 40 / 3), `M/M/2 at half load: 13.3 ms; ${two}`);
  const many = meanTime({ kind: 'slow', meanMs: 100, slots: 1000 }, 100, 1000);
  t.ok(within(many, 100), `as many as are needed: 100 ms; ${many}`);
});

t.test('a limit lets so many pass and refuses the rest at once', async (t) => {
  const simulation = new Simulation();
  const random = seededRandom();
  const model: ServerModel = { kind: 'limiting', meanMs: 1, slots: 100, limitPerSecond: 50 };
  const server = new Server(model, simulation, random);
  const statuses: number[] = [];
  const arrive = () => {
    server.ask((status) => statuses.push(status));
    simulation.after(exponentialMs(10, random), arrive);
  };
  arrive();
  simulation.runUntil(100_000);
  const served = statuses.filter((status) => status === 200).length;
  t.ok(Math.abs(served - 5000) < 50, `${served} of 5000`);
  t.ok(statuses.every((status) => status === 200 || status === 429));
});

t.test('by latency and adaptively, bad instances are avoided as far as is promised', async (t) => {
  const measure = (algorithm: Algorithm, isProtected: boolean) => {
    const settings = { seconds: 20, perSecond: 500, callers: 2, isProtected };
    const first = runScenario(algorithm, settings, 7);
    t.same(runScenario(algorithm, settings, 7), first, `${algorithm}: the same for a seed`);
    return { algorithm, runs: [first] };
  };
  for (const isProtected of [false, true]) {
    const names = ['round-robin', 'least-request', 'peak-ewma', 'adaptive'] as const;
    const marks = judgeBalance(
      names.map((name) => measure(name, isProtected)),
      String(isProtected),
    );
    t.equal(marks.length, 4);
    for (const { promise, isMet, said } of marks) t.ok(isMet, `${promise}: ${said}`);
  }
});

t.test('the command prints a table for both setups and writes every run', async (t) => {
  const main = join(import.meta.dirname, '..', 'main.ts');
  const flags = ['--seconds', '2', '--seeds', '2', '--only', 'round-robin,maglev', '--json', '-'];
  const { code, stdout, stderr } = await runCommand(process.execPath, [main, 'balance', ...flags]);
  t.equal(code, 0, stderr.slice(-200));
  const { results, marks } = JSON.parse(stdout);
  t.equal(results.length, 2);
  t.equal(results[0].measured[1].runs.length, 2);
  t.same(marks, [], 'nothing is judged without the two that go by latency');
  t.match(stderr, /^round-robin +\d+\.\d +\d+\.\d +\d+\.\d\d%/m);
});
