import type { RunningProcess } from '../harness/process.ts';
import { until } from '../harness/until.ts';
import type { Ends } from './ends.ts';
import type { Hop } from './hop.ts';
import type { Rig } from './rig.ts';
import { type MeshlaneOptions, startMeshlane } from './start-meshlane.ts';
import { peerContenders, startPeer } from './start-peer.ts';
import type { Missing } from './started-proxy.ts';

/** `meshlane-full` is Meshlane with all of its policies on. */
export const contenderNames = ['meshlane', 'meshlane-full', ...peerContenders] as const;
export type ContenderName = (typeof contenderNames)[number];

/** Those that are compared on HTTP/1.1. */
export const http1Contenders = ['meshlane', 'haproxy', 'nginx', 'envoy'] as const satisfies readonly ContenderName[];

/** A proxy, or several of the same one behind the other, that runs and has answered. */
export type Subject = {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  /** Nearest to the load first; none for the origin itself, whose CPU time is not that of a proxy. */
  readonly processes: readonly RunningProcess[];
};

export function originAlone({ origin }: Ends): Subject {
  return { name: 'no proxy', version: '', port: origin.port, processes: [] };
}

export type ContenderOptions = MeshlaneOptions & {
  /** What each proxy on the way speaks, nearest to the load first. */
  readonly hops: readonly Hop[];
};

/** Starts a proxy for each hop between the two ends. */
export async function startContender(
  name: ContenderName,
  rig: Rig,
  ends: Ends,
  options: ContenderOptions,
): Promise<Subject | Missing> {
  let { port } = ends.origin;
  let version = '';
  const processes: RunningProcess[] = [];
  for (const hop of options.hops.toReversed()) {
    const started =
      name === 'meshlane' || name === 'meshlane-full'
        ? await startMeshlane(rig, port, hop, { ...options, isFull: name === 'meshlane-full' })
        : await startPeer(name, rig, port, hop, options.tls ?? null);
    if ('missing' in started) return started;
    ({ port, version } = started);
    processes.unshift(started.running);
  }
  try {
    await until(() => ends.check(name, port), { what: `a reply through ${name}` });
  } catch (error) {
    const { message } = error as Error;
    // A checkout from before HTTP/2 is no failure of the bench.
    if (name === 'meshlane' && options.hops.some(isHttp2)) return { missing: `over HTTP/2, ${message}` };
    const said = processes.map((running) => running.output().trimEnd());
    throw new Error([message, ...said].join('\n'), { cause: error });
  }
  return { name, version, port, processes };
}

/** Meshlane where nothing else is measured, so its lack throws; `running` is the process nearest to the load. */
export async function startMeshlaneAlone(
  rig: Rig,
  ends: Ends,
  options: ContenderOptions,
): Promise<{ subject: Subject; running: RunningProcess }> {
  const subject = await startContender('meshlane', rig, ends, options);
  if ('missing' in subject) throw new Error(`meshlane cannot be measured: ${subject.missing}`);
  return { subject, running: subject.processes[0]! };
}

function isHttp2({ downstream, upstream }: Hop): boolean {
  return downstream !== 'http1' || upstream !== 'http1';
}
