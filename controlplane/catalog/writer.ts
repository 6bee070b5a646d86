/**
 * The only way into the store. One write at a time: it is checked against the catalog, stored on the condition that
 * nobody else wrote meanwhile (another replica may have taken away what it refers to), and answered when the catalog
 * shows it, so that whoever got the answer reads it too.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../shared/time/clock.ts';
import { changesOf, summaryOf } from '../history/entry.ts';
import type { History } from '../history/history.ts';
import { messageOf } from '../message-of.ts';
import { written } from '../rollout/next-state.ts';
import { BatchTooLarge, type Operation, type Store } from '../store/store.ts';
import { type Catalog, writerKey } from './catalog.ts';
import type { ApplyOptions, Change, Effect, Outcome, Refusal } from './change.ts';
import { plan, type Step } from './plan.ts';
import { StoredResource } from './stored-resource.ts';

const mostWaiting = 1_000;
/** Longest time for which one write competes with the ones of other replicas. */
const competeMs = 5_000;
const longestPauseMs = 20;
const catchUpMs = 5_000;
/** The store collects an instance itself when no control plane renewed or removed it for a day. */
const garbageSeconds = 86_400;

export class Writer {
  readonly #catalog: Catalog;
  readonly #store: Store;
  readonly #history: History;
  readonly #clock: Clock;
  readonly #writer = randomUUID();
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #writes = 0;

  constructor(catalog: Catalog, store: Store, history: History, clock: Clock) {
    this.#catalog = catalog;
    this.#store = store;
    this.#history = history;
    this.#clock = clock;
  }

  /** Does all changes at one new revision, or none. Never rejects for what a user or the store did. */
  async apply(changes: readonly Change[], options: ApplyOptions = {}): Promise<Outcome> {
    if (this.#waiting >= mostWaiting)
      return refuse('unavailable', `more than ${mostWaiting} writes are waiting; try again`);
    this.#waiting++;
    const turn = this.#turn.then(() => this.#attempt(changes, options));
    this.#turn = turn.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await turn;
    } finally {
      this.#waiting--;
    }
  }

  async #attempt(changes: readonly Change[], options: ApplyOptions): Promise<Outcome> {
    const { dryRun = false, pointerOf = () => '', atOnce = false } = options;
    const deadlineMs = this.#clock.monotonicMs() + competeMs;
    do {
      const seen = this.#catalog.revision;
      const planned = plan(changes, this.#catalog, pointerOf);
      if (!planned.ok) return planned;
      const at = new Date(this.#clock.wallMs()).toISOString();
      const steps = planned.steps.map((step) => withRollout(step, at, atOnce));
      const toStore = steps.filter((step) => step.action !== 'unchanged');
      if (dryRun) return { ok: true, revision: seen, effects: steps.map((step) => toEffect(step)) };
      if (toStore.length === 0) return unchanged(steps, seen);
      try {
        const result = await this.#store.commit(await this.#operations(toStore, at, options));
        if (result.ok) {
          await this.#catalog.waitFor(result.revision, catchUpMs);
          return {
            ok: true,
            revision: result.revision,
            effects: steps.map((step) => toEffect(step, result.revision)),
          };
        }
      } catch (error) {
        if (error instanceof BatchTooLarge) return refuse('too_large', error.message);
        return refuse(
          'unavailable',
          `the store did not answer, so the change may be stored or not: ${messageOf(error)}`,
        );
      }
      // Another replica was faster: look at what it did, then decide anew.
      await this.#catalog.waitFor(seen + 1, catchUpMs);
      // The one that wins sees its own write first, and would win again.
      await wait(randomInt(longestPauseMs));
    } while (this.#clock.monotonicMs() < deadlineMs);
    return refuse('unavailable', 'other control planes write all the time; try again');
  }

  async #operations(steps: readonly Step[], at: string, options: ApplyOptions): Promise<Operation[]> {
    const operations: Operation[] = steps.map(({ action, key, resource, before }) => {
      const expected = before?.revision ?? 0;
      const former = before?.lease ? { formerLease: before.lease } : {};
      if (action === 'removed') return { type: 'delete', key, expected, ...former };
      const seconds = resource.kind === 'Instance' ? resource.spec.leaseSeconds : undefined;
      const lease = seconds ? { leaseSeconds: seconds + garbageSeconds } : {};
      const { kind, name, labels, spec, rollout, status } = resource;
      const value = JSON.stringify({ kind, name, labels, spec, rollout, status });
      return { type: 'put', key, value, expected, ...lease, ...former };
    });
    this.#writes++;
    const value = `${this.#writer} ${this.#writes}`;
    operations.push({ type: 'put', key: writerKey, value, expected: this.#catalog.writerRevision });
    const room = this.#store.mostOperations - operations.length;
    return [...operations, ...(await this.#historyOf(steps, at, room, options))];
  }

  /** None for what changes no configuration, unless there is something to be said of it. */
  async #historyOf(steps: readonly Step[], at: string, room: number, options: ApplyOptions): Promise<Operation[]> {
    const { by = 'anonymous', note } = options;
    const changes = changesOf(steps);
    if (changes.length === 0 && note === undefined) return [];
    const head = { at, by, summary: summaryOf(changes), ...(note === undefined ? {} : { note }) };
    return this.#history.operations(head, changes, room);
  }
}

/** What a user writes starts a rollout; a rollout that goes on has its state already. */
function withRollout(step: Step, at: string, atOnce: boolean): Step {
  const { action, resource, before } = step;
  if (resource.status || (action !== 'created' && action !== 'changed')) return step;
  return { ...step, resource: written(resource, before, at, atOnce) };
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

function refuse(code: Refusal['code'], detail: string): Outcome {
  return { ok: false, refusal: { code, detail, issues: [] } };
}
