/**
 * The only way into the store. One write at a time: it is checked against the catalog, stored on the condition that
 * nobody else wrote meanwhile (another replica may have taken away what it refers to), and answered when the catalog
 * shows it, so that whoever got the answer reads it too.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { Clock } from '../../shared/time/clock.ts';
import { changesOf, summaryOf } from '../history/entry.ts';
import type { History } from '../history/history.ts';
import { LossGuard } from '../holds/loss-guard.ts';
import { releaseOf } from '../holds/released.ts';
import { messageOf } from '../message-of.ts';
import { written } from '../rollout/next-state.ts';
import { BatchTooLarge, LoginRefused, type Operation, type Store, StoreFull } from '../store/store.ts';
import type { Catalog } from './catalog.ts';
import type { ApplyOptions, Author, Change, Effect, Outcome, Refusal } from './change.ts';
import { plan, type Step } from './plan.ts';
import { StoredResource } from './stored-resource.ts';
import { keysOf, type Write, WriteQueue } from './write-queue.ts';
import { writerMark } from './writer-mark.ts';

const mostWaiting = 1_000;
/** Longest time for which one write competes with the ones of other replicas. */
const competeMs = 5_000;
const longestPauseMs = 20;
const catchUpMs = 5_000;
/** The store collects an instance itself when no control plane renewed or removed it for 30 days: after a shorter absence its sidecar is still known. */
const garbageSeconds = 30 * 86_400;
/** Of registrations that are stored together, as the history has them. */
const mostAuthors = 5;
/** Together with the key that every write changes, what every store takes at once. */
const mostOperations = 100;
/** Of those that the author of a write may not do, so many are told. */
const mostFaults = 20;

/** Hears what became of each set of changes. */
export type OutcomeListener = (changes: readonly Change[], options: ApplyOptions, outcome: Outcome) => void;

/** A write that may be committed. */
type Planned = { readonly write: Write; readonly steps: readonly Step[] };

type Refused = Extract<Outcome, { ok: false }>;
type Committed = number | 'outrun' | Refused;

export class Writer {
  readonly #catalog: Catalog;
  readonly #store: Store;
  readonly #history: History;
  readonly #clock: Clock;
  /** Says what would be lost, to writes here and to leases that run out. */
  readonly guard: LossGuard;
  readonly #writer = randomUUID();
  readonly #queue = new WriteQueue((writes) => this.#take(writes));
  #writes = 0;
  readonly #onOutcome: OutcomeListener | null;

  constructor(
    catalog: Catalog,
    store: Store,
    history: History,
    clock: Clock,
    onOutcome: OutcomeListener | null = null,
  ) {
    this.#catalog = catalog;
    this.#store = store;
    this.#history = history;
    this.#clock = clock;
    this.#onOutcome = onOutcome;
    this.guard = new LossGuard(catalog);
  }

  /** Does all changes at one new revision, or none. Never rejects for what a user or the store did. */
  apply(changes: readonly Change[], options: ApplyOptions = {}): Promise<Outcome> {
    return new Promise((resolve, fail) => {
      const settle = (outcome: Outcome) => {
        this.#onOutcome?.(changes, options, outcome);
        resolve(outcome);
      };
      if (this.#queue.length < mostWaiting) this.#queue.add({ changes, options, settle, fail });
      else settle(refuse('unavailable', `more than ${mostWaiting} writes are waiting; try again`));
    });
  }

  /** Writes that do not touch the same resources become one commit; the others have the next ones. */
  async #take(writes: readonly Write[]): Promise<void> {
    let rest = writes;
    const deadlineMs = this.#clock.monotonicMs() + competeMs;
    while (rest.length > 0) {
      const seen = this.#catalog.revision;
      const { group, later } = this.#plan(rest);
      if (group.length === 0) return;
      const result = await this.#commit(group);
      if (result === 'outrun' && this.#clock.monotonicMs() < deadlineMs) {
        rest = [...group.map(({ write }) => write), ...later];
        // Another replica was faster: look at what it did, then decide anew.
        await this.#catalog.waitFor(seen + 1, catchUpMs);
        // The one that wins sees its own write first, and would win again.
        await wait(randomInt(longestPauseMs));
        continue;
      }
      await this.#settle(group, result);
      rest = later;
    }
  }

  async #settle(group: readonly Planned[], result: Committed): Promise<void> {
    if (typeof result === 'number') {
      await this.#catalog.waitFor(result, catchUpMs);
      for (const { write, steps } of group)
        write.settle({ ok: true, revision: result, effects: steps.map((step) => toEffect(step, result)) });
    } else if (result === 'outrun') {
      for (const { write } of group)
        write.settle(refuse('unavailable', 'other control planes write all the time; try again'));
    } else if (group.length > 1 && result.refusal.code === 'too_large') {
      // No write has to answer for the size of the others.
      for (const { write } of group) await this.#take([write]);
    } else for (const { write } of group) write.settle(result);
  }

  /** Settles what is refused or changes nothing. What touches the same as a write before has to wait until that is done. */
  #plan(writes: readonly Write[]): { group: Planned[]; later: Write[] } {
    const seen = this.#catalog.revision;
    const group: Planned[] = [];
    const later: Write[] = [];
    const touched = new Set<ResourceKey>();
    const unanswered: Step[] = [];
    for (const write of writes) {
      const keys = write.changes.filter((change) => !this.#isMoot(change)).flatMap(keysOf);
      const touch = () => {
        for (const key of keys) touched.add(key);
      };
      if (touched.size > 0 && (touched.size + keys.length >= mostOperations || keys.some((key) => touched.has(key)))) {
        later.push(write);
        touch();
        continue;
      }
      const { dryRun = false, pointerOf = () => '', isAnsweredFor = false, tooLate } = write.options;
      const late = tooLate?.() ?? null;
      const planned = late === null ? plan(write.changes, this.#catalog, pointerOf) : refuse('stale', late);
      if (!planned.ok) {
        write.settle(planned);
        continue;
      }
      const steps = planned.steps.map((step) => this.#withRollout(step, write.options));
      const forbidden = forbiddenTo(write.options.author, steps);
      // Writes that are taken together lose together.
      const loss = isAnsweredFor ? null : this.guard.lossOf([...unanswered, ...steps]);
      if (forbidden) write.settle(forbidden);
      else if (loss !== null) write.settle(refuseLoss(loss));
      else if (dryRun) write.settle({ ok: true, revision: seen, effects: steps.map((step) => toEffect(step)) });
      else if (steps.some(isToStore)) {
        group.push({ write, steps });
        if (!isAnsweredFor) unanswered.push(...steps);
        touch();
      } else write.settle(unchanged(steps, seen));
    }
    return { group, later };
  }

  /** It does nothing, since there is something of that name. */
  #isMoot(change: Change): boolean {
    return (
      change.type === 'put' &&
      change.onlyIfMissing === true &&
      keysOf(change).every((key) => this.#catalog.revisionInStore(key) > 0)
    );
  }

  /** What a user writes starts a rollout; a rollout that goes on has its state already. */
  #withRollout(step: Step, { atOnce = false }: ApplyOptions): Step {
    const { action, resource, known } = step;
    if (resource.status || (action !== 'created' && action !== 'changed')) return step;
    return { ...step, resource: written(resource, known, this.#nowText(), atOnce) };
  }

  #nowText(): string {
    return new Date(this.#clock.wallMs()).toISOString();
  }

  /** The new revision, why there is none, or `outrun` when another replica wrote meanwhile. */
  async #commit(group: readonly Planned[]): Promise<Committed> {
    const isAnsweredFor = group.every(({ write }) => write.options.isAnsweredFor);
    try {
      const steps = group.flatMap((planned) => planned.steps.filter(isToStore));
      const operations = this.#operations(steps, isAnsweredFor);
      const result = await this.#store.commit([...operations, ...(await this.#historyOf(group, operations.length))]);
      return result.ok ? result.revision : 'outrun';
    } catch (error) {
      if (error instanceof BatchTooLarge) return refuse('too_large', error.message);
      if (error instanceof LoginRefused) return refuse('unavailable', error.message);
      if (error instanceof StoreFull) return refuse('store_full', error.message);
      return refuse('unavailable', `the store did not answer, so the change may be stored or not: ${messageOf(error)}`);
    }
  }

  #operations(steps: readonly Step[], isAnsweredFor: boolean): Operation[] {
    const operations: Operation[] = [];
    const released: ResourceKey[] = [];
    for (const { action, key, resource, before } of steps) {
      if (action === 'removed' && !before) {
        released.push(key);
        continue;
      }
      const expected = this.#catalog.revisionInStore(key);
      const former = before?.lease ? { formerLease: before.lease } : {};
      if (action === 'removed') {
        operations.push({ type: 'delete', key, expected, ...former });
        continue;
      }
      const seconds = resource.kind === 'Instance' ? resource.spec.leaseSeconds : undefined;
      const lease = seconds ? { leaseSeconds: seconds + garbageSeconds } : {};
      const { kind, name, labels, spec, rollout, status } = resource;
      const value = JSON.stringify({ kind, name, labels, spec, rollout, status });
      operations.push({ type: 'put', key, value, expected, ...lease, ...former });
    }
    if (released.length > 0) operations.push(releaseOf(released));
    this.#writes++;
    operations.push(writerMark(this.#writer, this.#writes, isAnsweredFor, this.#catalog.writerRevision));
    return operations;
  }

  /** None for what changes no configuration, unless there is something to be said of it. */
  async #historyOf(group: readonly Planned[], operations: number): Promise<Operation[]> {
    const changes = changesOf(group.flatMap(({ steps }) => steps.filter(isToStore)));
    const notes = group.flatMap(({ write }) => write.options.note ?? []);
    if (changes.length === 0 && notes.length === 0) return [];
    const authors = new Set(group.map(({ write }) => write.options.by ?? 'anonymous'));
    const head = {
      at: this.#nowText(),
      by: [...authors].slice(0, mostAuthors).join(', '),
      summary: summaryOf(changes),
    };
    const note = notes.length > 0 ? { note: notes.join('; ') } : {};
    return this.#history.operations({ ...head, ...note }, changes, this.#store.mostOperations - operations);
  }
}

/** The refusal of steps that their author may not take; null when it may. */
function forbiddenTo(author: Author | undefined, steps: readonly Step[]): Refused | null {
  const faults = author ? steps.flatMap((step) => author.faultOf(step) ?? []) : [];
  return faults.length > 0 ? refuse('forbidden', faults.slice(0, mostFaults).join('; ')) : null;
}

function isToStore({ action }: Step): boolean {
  return action !== 'unchanged';
}

function toEffect({ action, resource, before }: Step, revision?: number): Effect {
  if (action === 'unchanged' || action === 'removed' || typeof revision !== 'number') return { action, resource };
  const created = before?.resource.status?.created ?? revision;
  return { action, resource: new StoredResource(resource, { revision, created, lease: null }).resource };
}

/** The revision is the one at which the last of the resources became what it is, so that its rollout can be looked up. */
function unchanged(steps: readonly Step[], seen: number): Outcome {
  const last = Math.max(0, ...steps.map(({ resource }) => resource.revision ?? 0));
  return { ok: true, revision: last || seen, effects: steps.map((step) => toEffect(step)) };
}

function refuseLoss(loss: string): Refused {
  return refuse('held', `this would take away ${loss}; confirm it with ?confirm=true or --confirm if that is meant`);
}

function refuse(code: Refusal['code'], detail: string): Refused {
  return { ok: false, refusal: { code, detail, issues: [] } };
}
