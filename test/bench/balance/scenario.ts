import type { PolicyResource } from '../../../shared/resources/schema.ts';
import { seededRandom } from '../../harness/seeded-random.ts';
import { readPolicy } from '../read-policy.ts';
import { Caller } from './caller.ts';
import { Server, type ServerModel } from './server.ts';
import { exponentialMs, Simulation } from './simulation.ts';

export const algorithms = [
  'round-robin',
  'random',
  'least-request',
  'peak-ewma',
  'adaptive',
  'ring-hash',
  'maglev',
] as const;
export type Algorithm = (typeof algorithms)[number];

export type ScenarioSettings = {
  readonly seconds: number;
  /** Requests a second of all callers together. */
  readonly perSecond: number;
  readonly callers: number;
  /** With outlier detection and breakers, as they are when a policy asks for them. */
  readonly isProtected: boolean;
};

/** One run of one algorithm. */
export type ScenarioResult = {
  /** Of the requests that were served. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share of requests that were answered with 429 or 5xx. */
  readonly errorShare: number;
  /** Share of requests that each kind of server got. */
  readonly shares: Readonly<Record<ServerModel['kind'], number>>;
  /** What the first caller says of its choice at the end. */
  readonly explanation: string;
};

const well: ServerModel = { kind: 'well', meanMs: 10, slots: 32 };

/** Ten instances, of which one is slow, one fails at once, and one takes half of its even part of the load. */
export function fleet(perSecond: number): readonly ServerModel[] {
  return [
    ...Array.from({ length: 7 }, () => well),
    { ...well, kind: 'slow', meanMs: 10 * well.meanMs },
    { ...well, kind: 'failing', fails: true },
    { ...well, kind: 'limiting', limitPerSecond: perSecond / 20 },
  ];
}

/** Requests come one by one and independently (Poisson), each from some caller and with some key. The same for a seed. */
export function runScenario(algorithm: Algorithm, settings: ScenarioSettings, seed: number): ScenarioResult {
  const simulation = new Simulation();
  // Arrivals and work are drawn by themselves, so that all algorithms meet the same arrivals.
  const arrivals = seededRandom(seed);
  const work = seededRandom(seed + 1_000_000);
  const choices = seededRandom(seed + 2_000_000);
  const servers = fleet(settings.perSecond).map((model) => new Server(model, simulation, work));
  const policy = policyOf(algorithm, settings.isProtected);
  const callers = Array.from({ length: settings.callers }, () => new Caller(policy, servers, simulation, choices));
  const served: number[] = [];
  let errors = 0;
  const onReply = (status: number, tookMs: number) => {
    if (status === 200) served.push(tookMs);
    else errors++;
  };
  const arrive = () => {
    callers[arrivals() % callers.length]!.ask(arrivals() >>> 1, onReply);
    simulation.after(exponentialMs(1000 / settings.perSecond, arrivals), arrive);
  };
  arrive();
  simulation.runUntil(settings.seconds * 1000);
  const sorted = Float64Array.from(served).sort();
  const quantile = (part: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
  const requests = servers.reduce((sum, server) => sum + server.requests, 0);
  const shareOf = (kind: ServerModel['kind']) =>
    servers.filter(({ model }) => model.kind === kind).reduce((sum, server) => sum + server.requests, 0) / requests;
  return {
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    errorShare: errors / (errors + served.length),
    shares: {
      well: shareOf('well'),
      slow: shareOf('slow'),
      failing: shareOf('failing'),
      limiting: shareOf('limiting'),
    },
    explanation: callers[0]!.explain(),
  };
}

function policyOf(algorithm: Algorithm, isProtected: boolean): PolicyResource {
  const followsKeys = algorithm === 'ring-hash' || algorithm === 'maglev';
  return readPolicy({
    loadBalancer: { policy: algorithm, ...(followsKeys ? { hashOn: { header: 'x-user' } } : {}) },
    ...(isProtected ? { breaker: {}, outlierDetection: {} } : {}),
  });
}
