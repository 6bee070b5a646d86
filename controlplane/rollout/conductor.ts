/**
 * Leads changes through their steps. Every control plane watches its own sidecars and tells in the store what it sees; the
 * leader decides by what all of them tell. All it decides is stored on the condition that the resource is still what it
 * decided about, so a second leader, or one that is none any more, does no harm, and the next one goes on.
 */
import type { Log } from '../../observability/logging/log.ts';
import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Writer } from '../catalog/writer.ts';
import { messageOf } from '../message-of.ts';
import type { PushHub } from '../push/push-hub.ts';
import type { Store } from '../store/store.ts';
import { EvidenceBoard } from './evidence-board.ts';
import { type Move, nextMove } from './next-move.ts';
import { advanced, filled, isRolling, type Rolling, rolledBack } from './next-state.ts';
import type { RolloutState } from './rollout-state.ts';
import { StepWatch } from './step-watch.ts';

/** Who decides where several control planes share a store. */
export type Leadership = { readonly isLeader: boolean };

export type ConductorParts = {
  readonly catalog: Catalog;
  readonly writer: Writer;
  readonly store: Store;
  readonly hub: PushHub;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly log: Log;
};

const tickMs = 500;
const by = 'rollout';

export class RolloutConductor {
  /** Rollouts that this control plane brought to their end, since the start. */
  readonly outcomes = { done: 0, rolledBack: 0 };
  readonly #parts: ConductorParts;
  readonly #board: EvidenceBoard;
  readonly #watches = new Map<ResourceKey, StepWatch>();
  readonly #unsubscribe: readonly (() => void)[];
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  #isDue = false;
  #isClosed = false;

  constructor(parts: ConductorParts) {
    const { catalog, store, hub, clock, log } = parts;
    this.#parts = parts;
    this.#board = new EvidenceBoard(catalog, store, clock, log);
    for (const stored of catalog.all()) if (isRolling(stored)) this.#watch(stored);
    this.#unsubscribe = [
      catalog.subscribe(({ changed, removed }) => {
        for (const { kind, name } of removed) this.#forget(`${kind}/${name}`);
        for (const stored of changed) {
          if (isRolling(stored)) this.#watch(stored);
          else this.#forget(stored.key);
        }
      }),
      hub.onReport((sidecar, report) => {
        for (const watch of this.#watches.values()) watch.take(sidecar, report, clock.monotonicMs());
      }),
    ];
    this.#plan();
  }

  /** Resolves when the decision that is on its way has come to its end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await this.#turn;
    await this.#board.close();
  }

  #watch(rolling: Rolling): void {
    const former = this.#watches.get(rolling.key);
    this.#watches.set(rolling.key, new StepWatch(rolling, this.#parts.clock.monotonicMs(), former));
    // Whoever leads counts the sidecars of all: the sooner they are told of, the better.
    this.#isDue = true;
    if (this.#timer) this.#plan();
  }

  #forget(key: ResourceKey): void {
    if (this.#watches.delete(key)) this.#board.forget(key);
  }

  /** Has the next turn come at once where something new is to be told, else after a pause. */
  #plan(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#isDue = false;
        this.#turn = this.#tick()
          .catch((error: unknown) => this.#parts.log.warn('a rollout could not go on', { why: messageOf(error) }))
          .finally(() => this.#plan());
      },
      this.#isDue ? 0 : tickMs,
    );
    this.#timer.unref();
  }

  async #tick(): Promise<void> {
    const { hub, leadership, clock } = this.#parts;
    const sidecars = this.#watches.size > 0 ? hub.sidecars() : [];
    for (const [key, watch] of [...this.#watches])
      await this.#board.publish(key, watch.look(sidecars, clock.monotonicMs()));
    if (!leadership.isLeader) return;
    for (const watch of [...this.#watches.values()]) await this.#lead(watch);
    await this.#board.clear((key) => this.#watches.has(key));
  }

  async #lead({ rolling, begunMs }: StepWatch): Promise<void> {
    if (this.#isClosed) return;
    const elapsedMs = this.#parts.clock.monotonicMs() - begunMs;
    const move = nextMove(rolling, this.#board.witnesses(rolling.key), elapsedMs);
    if (move.to === 'wait') return;
    const resource = this.#after(move, rolling);
    const note = move.to === 'rollBack' ? { note: `rolled back: ${move.reason}` } : {};
    const change = { type: 'rollout', resource, onlyAtRevision: rolling.revision } as const;
    const outcome = await this.#parts.writer.apply([change], { by, ...note });
    if (!outcome.ok) throw new Error(outcome.refusal.detail);
    if (outcome.effects.length > 0) this.#tell(move, resource);
  }

  #after(move: Exclude<Move, { to: 'wait' }>, rolling: Rolling): AnyResource {
    const at = new Date(this.#parts.clock.wallMs()).toISOString();
    switch (move.to) {
      case 'fill':
        return filled(rolling, move.crowd);
      case 'rollBack':
        return rolledBack(rolling, move.reason, at);
      default:
        return advanced(rolling, move.crowd, at);
    }
  }

  #tell(move: Move, { kind, name, status }: AnyResource): void {
    const { log } = this.#parts;
    const state = status?.['rollout'] as RolloutState | undefined;
    const resource = `${kind}/${name}`;
    if (state?.state === 'done') {
      this.outcomes.done++;
      log.info('a rollout is done', { resource });
    } else if (state?.state === 'rolledBack') {
      this.outcomes.rolledBack++;
      log.warn('a rollout was taken back', { resource, why: state.reason });
    } else if (move.to === 'advance') log.info('a rollout goes on', { resource, step: state?.step });
  }
}
