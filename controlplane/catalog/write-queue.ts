import type { ResourceKey } from '../../shared/resources/resource.ts';
import { isKind } from '../../shared/resources/schema.ts';
import type { ApplyOptions, Change, Outcome } from './change.ts';

/** A write that waits for its turn. */
export type Write = {
  readonly changes: readonly Change[];
  readonly options: ApplyOptions;
  settle(outcome: Outcome): void;
  fail(error: unknown): void;
};

const mostTogether = 64;

/**
 * Writes one after the other, in the order in which they came. Registrations that wait together are taken together, since
 * a commit costs the same for one as for many: so a whole mesh that comes back is stored at the pace of the disk times 64.
 * Whatever configures something is taken by itself, and has a revision of its own.
 */
export class WriteQueue {
  readonly #waiting: Write[] = [];
  readonly #take: (writes: readonly Write[]) => Promise<void>;
  #isTaking = false;

  /** `take` settles all writes that it is given; when it rejects, the ones that it has not settled fail. */
  constructor(take: (writes: readonly Write[]) => Promise<void>) {
    this.#take = take;
  }

  get length(): number {
    return this.#waiting.length;
  }

  add(write: Write): void {
    this.#waiting.push(write);
    if (!this.#isTaking) void this.#takeAll();
  }

  async #takeAll(): Promise<void> {
    this.#isTaking = true;
    while (this.#waiting.length > 0) {
      const writes = this.#next();
      await this.#take(writes).catch((error: unknown) => {
        for (const write of writes) write.fail(error);
      });
    }
    this.#isTaking = false;
  }

  #next(): Write[] {
    const end = this.#waiting.findIndex((write) => !isRegistration(write));
    const together = Math.min(end === -1 ? this.#waiting.length : end, mostTogether);
    return this.#waiting.splice(0, Math.max(1, together));
  }
}

/** Changes of instances only, beside services that are put where there is none. */
function isRegistration({ changes, options }: Write): boolean {
  return !options.dryRun && changes.every((change) => nameOf(change).kind === 'Instance' || isMinor(change));
}

function isMinor(change: Change): boolean {
  return change.type === 'put' && change.onlyIfMissing === true;
}

/** What a change touches; nothing, where it names nothing and will be refused. */
export function keysOf(change: Change): ResourceKey[] {
  const { kind, name } = nameOf(change);
  return isKind(kind) && typeof name === 'string' ? [`${kind}/${name}`] : [];
}

/** As it is given; a document is not to be trusted. */
function nameOf(change: Change): { kind?: unknown; name?: unknown } {
  if (change.type === 'delete') return change;
  if (change.type === 'rollout') return change.resource;
  return change.path ?? (change.document as { kind?: unknown; name?: unknown } | null) ?? {};
}
