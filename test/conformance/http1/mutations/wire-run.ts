import { residentBytesOf } from '../../../bench/proc.ts';
import type { Owner } from '../../../harness/owner.ts';
import { escaped } from '../../../harness/property.ts';
import { until } from '../../../harness/until.ts';
import { plainRequest, type WireCase, wireCase } from './cases.ts';
import { mostFindings, type Observer, type Range, sentBytes } from './finding.ts';
import { Random } from './random.ts';
import { callOnce } from './wire-caller.ts';
import { faultOfAnswer } from './wire-check.ts';
import { wireOrigin } from './wire-origin.ts';
import { type WireProxy, wireProxy } from './wire-proxy.ts';

export type WireFigures = {
  /** Connections, each with one case. */
  readonly cases: number;
  readonly seconds: number;
  /** Connections on which something came back. */
  readonly answered: number;
  /** Connections that the proxy reset. */
  readonly resets: number;
  /** Whole requests that reached the instance. */
  readonly reachedInstance: number;
  /** Requests that the instance answered before their body had come, whole or not. */
  readonly answeredEarly: number;
  /** Of the proxy's process, in MiB: before the run, after the run, and at most. */
  readonly residentMiB: { readonly before: number; readonly after: number; readonly peak: number };
};

/** Connections at a time. Each lane has an address of its own, so that no pair of ports comes again too soon. */
const lanes = 32;
/** Between a proxy that serves and one that has served everything, with what the heap keeps to reuse. */
const mostGrowthMiB = 96;
const MiB = 1_048_576;

/**
 * Sends the cases from `from` to below `to` through a whole proxy, each on a connection of its own, and looks at both
 * sides with the strict reader. Afterwards the proxy still has to serve, with nothing left over.
 */
export async function runWire(
  t: Owner,
  { seed, from, to, caseAt = (index) => wireCase(seed, index) }: WireRange,
  observer: Observer,
): Promise<WireFigures> {
  const underWay = new Map<number, WireCase>();
  let findings = 0;
  const report = (index: number, what: string, seen: string) => {
    findings++;
    const { request = null, reply = null } = underWay.get(index) ?? {};
    observer.onFinding({ part: 'wire', index, what, ...sentBytes(request, reply), seen });
  };
  const origin = await wireOrigin(t, {
    replyOf: (index) => underWay.get(index)?.reply ?? null,
    onFault: (index, what, bytes) => report(index, what, escaped(bytes)),
  });
  const proxy = await wireProxy(t, origin.port);
  await warmUp(proxy);
  const startedAt = performance.now();
  const before = residentBytesOf(proxy.process.pid).now / MiB;
  const counts = { done: 0, answered: 0, resets: 0 };
  let exit: string | null = null;
  proxy.process.exited.then(({ code, signal }) => {
    exit = `exit code ${code}, signal ${signal}`;
  });

  let next = from;
  const lane = async (number: number) => {
    const localAddress = `127.0.1.${number + 1}`;
    while (next < to && findings < mostFindings && exit === null) {
      const index = next++;
      const one = caseAt(index);
      underWay.set(index, one);
      const random = Random.ofCase(seed + 2, index);
      const size = one.request.length;
      const places = random.oneIn(2) && size > 1 ? [1 + random.below(size - 1)] : [];
      const target = { port: proxy.ports[index % 2]!, localAddress };
      const answer = await callOnce(target, one.request, { places, isHeld: index % 8 === 3 });
      if (answer.received.length > 0) counts.answered++;
      if (answer.wasReset) counts.resets++;
      const fault = faultOfAnswer(one, index, answer);
      if (fault !== null) report(index, fault, escaped(answer.received));
      underWay.delete(index);
      if (++counts.done % 1000 === 0) observer.onProgress(counts.done);
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)));
  const seconds = (performance.now() - startedAt) / 1000;

  if (exit !== null) report(-1, `the proxy ended: ${exit}`, proxy.process.output().slice(-4000));
  else for (const fault of await faultsAfterwards(proxy)) report(-1, fault, proxy.process.output().slice(-4000));
  const resident = exit === null ? residentBytesOf(proxy.process.pid) : { now: 0, peak: 0 };
  const residentMiB = { before, after: resident.now / MiB, peak: resident.peak / MiB };
  if (residentMiB.peak - before > mostGrowthMiB)
    report(-1, `the proxy grew from ${before.toFixed()} to ${residentMiB.peak.toFixed()} MiB`, '');
  // An idle connection for each lane and no more, whatever broke.
  if (origin.openConnections > lanes) report(-1, `${origin.openConnections} connections to the instance are open`, '');
  return {
    cases: counts.done,
    seconds,
    answered: counts.answered,
    resets: counts.resets,
    reachedInstance: origin.requests,
    answeredEarly: origin.answeredEarly,
    residentMiB,
  };
}

export type WireRange = Range & { readonly caseAt?: (index: number) => WireCase };

/** So that compiled code and first memory are not taken for growth. */
async function warmUp(proxy: WireProxy): Promise<void> {
  for (let i = 0; i < 200; i++) await servesWell(proxy, i);
}

async function servesWell(proxy: WireProxy, i: number): Promise<string | null> {
  const request = Buffer.from(plainRequest(1_000_000_000 + i, new Random(i)), 'latin1');
  const target = { port: proxy.ports[i % 2]!, localAddress: '127.0.1.100' };
  const answer = await callOnce(target, request, { places: [], isHeld: false });
  return /^HTTP\/1\.1 200 /.test(answer.received.toString('latin1'))
    ? null
    : `a right request was answered with ${escaped(answer.received)}`;
}

/** What is left over when all callers are gone. */
async function faultsAfterwards(proxy: WireProxy): Promise<string[]> {
  const faults: string[] = [];
  for (let i = 0; i < 20; i++) {
    const fault = await servesWell(proxy, i);
    if (fault !== null) faults.push(fault);
  }
  for (const name of ['meshlane_requests_in_flight', 'meshlane_connections'])
    await until(async () => (await proxy.metric(name)) === 0, { what: `${name} to be 0` }).catch((error) =>
      faults.push((error as Error).message),
    );
  const trouble = /^.*(?:Unhandled|Uncaught|Error:|Warning:|crash|^\s+at ).*$/m.exec(proxy.process.output());
  if (trouble !== null) faults.push(`the proxy said: ${trouble[0]}`);
  return faults;
}
