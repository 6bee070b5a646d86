import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { SidecarStream } from './sidecar-stream.ts';
import type { Laggard, Refusal, Told } from './told.ts';

/** The sidecars that a control plane has to do with. */
export type Presence = {
  /** Revision that was sent out last. */
  readonly newest: number;
  readonly streams: ReadonlyMap<string, { readonly stream: SidecarStream }>;
  /** Left in the last minute, and whether to go on without it: it said that it leaves the mesh. */
  readonly gone: readonly { sidecar: string; service: string; acked: number; hasLeft: boolean }[];
  /** Were in the mesh before, had no time to come back yet, and are for this control plane to wait for. */
  readonly awaited: readonly { sidecar: string; service: string }[];
  /** Nobody had time to come back yet. */
  readonly isTooEarly: boolean;
};

/** How far sidecars are with the changes of one revision. */
export type Standing = {
  readonly applied: number;
  readonly laggards: readonly Laggard[];
  readonly refusers: number;
  readonly rejected: readonly Refusal[];
  /** Control planes that have not told yet, and of how many sidecars nothing is known. */
  readonly unheard: readonly { readonly replica: string; readonly sidecars: number }[];
};

export function standingHere(revision: number, keys: ReadonlySet<ResourceKey>, presence: Presence): Standing {
  const laggards: Laggard[] = [];
  const rejected: Refusal[] = [];
  let applied = 0;
  for (const { stream } of presence.streams.values()) {
    if (stream.acked < revision) {
      laggards.push(laggardOf(stream));
      continue;
    }
    const refusals = stream.isRefusing ? refusalsOf(stream).filter((one) => isAbout(one, revision, keys)) : [];
    if (refusals.length === 0) applied++;
    rejected.push(...refusals);
  }
  laggards.push(...laggardsAway(revision, presence));
  return { applied, laggards, refusers: countRefusers(rejected), rejected, unheard: [] };
}

export function standingTold(revision: number, keys: ReadonlySet<ResourceKey>, told: Told): Standing {
  const { replica, connected, refusing, refusals } = told;
  const laggards = told.laggards.filter(({ acked }) => acked < revision);
  const rejected = refusals.filter((one) => isAbout(one, revision, keys));
  // Those who are not named refuse it, too, as far as one can know.
  const areAllNamed = countRefusers(refusals) === refusing;
  const refusers = rejected.length > 0 && !areAllNamed ? refusing : countRefusers(rejected);
  const others = Math.max(0, connected - laggards.filter((laggard) => laggard.connected).length - refusers);
  const known = { laggards, refusers, rejected };
  return told.revision >= revision
    ? { ...known, applied: others, unheard: [] }
    : { ...known, applied: 0, unheard: [{ replica, sidecars: others }] };
}

/** A sidecar that lags here and has answered there does not lag: it moved. */
export function join(standings: readonly Standing[], hasAnswered: (sidecar: string) => boolean): Standing {
  const laggards = new Map<string, Laggard>();
  for (const laggard of standings.flatMap((standing) => standing.laggards)) {
    const { sidecar, connected } = laggard;
    if (!hasAnswered(sidecar) && (connected || !laggards.has(sidecar))) laggards.set(sidecar, laggard);
  }
  const sum = (count: (standing: Standing) => number) => standings.reduce((total, one) => total + count(one), 0);
  return {
    applied: sum(({ applied }) => applied),
    laggards: [...laggards.values()],
    refusers: sum(({ refusers }) => refusers),
    rejected: standings.flatMap(({ rejected }) => rejected),
    unheard: standings.flatMap(({ unheard }) => unheard),
  };
}

export function laggardsAway(revision: number, { awaited, gone }: Presence): Laggard[] {
  const waitedFor = gone.filter(({ acked, hasLeft }) => acked < revision && !hasLeft);
  return [...awaited.map((one) => ({ ...one, acked: 0 })), ...waitedFor].map(({ sidecar, service, acked }) => ({
    sidecar,
    service,
    acked,
    connected: false,
  }));
}

export function laggardOf({ hello: { sidecar, service }, acked }: SidecarStream): Laggard {
  return { sidecar, service, acked, connected: true };
}

export function refusalsOf({ hello: { sidecar }, rejected }: SidecarStream): Refusal[] {
  return [...rejected].map(({ key: { kind, name }, revision, error }) => ({ sidecar, kind, name, revision, error }));
}

/** A later version that was refused counts too: then this one is not in force either, or no longer asked for. */
function isAbout(refusal: Refusal, revision: number, keys: ReadonlySet<ResourceKey>): boolean {
  return refusal.revision >= revision && keys.has(`${refusal.kind}/${refusal.name}`);
}

function countRefusers(refusals: readonly Refusal[]): number {
  return new Set(refusals.map(({ sidecar }) => sidecar)).size;
}
