import type { WireReport } from '../../shared/discovery/discovery.ts';
import type { SidecarStatus } from '../push/push-hub.ts';
import { crowdOf } from './crowd.ts';
import type { Evidence } from './evidence.ts';
import { addFigures, type Figures, figuresOf, firstSlowBucket, noFigures, servicesOf } from './figures.ts';
import type { Rolling } from './next-state.ts';
import { rankOf } from './sidecar-rank.ts';

const longestError = 1_000;

/** What this control plane sees of one step of a rollout: who has it, who refuses it, how requests go. */
export class StepWatch {
  readonly rolling: Rolling;
  readonly begunMs: number;
  readonly #services: ReadonlySet<string>;
  readonly #firstSlow: number;
  /** When a sidecar of the step was first seen to have answered it. */
  readonly #appliedMs = new Map<string, number>();
  #own: Figures = noFigures;
  #others: Figures = noFigures;

  /** `former`: the step before, whose figures of the other sidecars stay good as long as it is the same version. */
  constructor(rolling: Rolling, nowMs: number, former?: StepWatch) {
    const { resource, rollout } = rolling;
    this.rolling = rolling;
    this.begunMs = nowMs;
    const { kind, name } = resource;
    const stable = rollout.stable ? servicesOf({ kind, name, spec: rollout.stable.spec }) : [];
    this.#services = new Set([...servicesOf(resource), ...stable]);
    this.#firstSlow = firstSlowBucket(resource.rollout?.abortOn.p99);
    if (former?.rolling.rollout.revision === rollout.revision) this.#others = former.#others;
  }

  /** Counts a report, unless it may tell of the time before the step. */
  take(sidecar: string, report: WireReport, nowMs: number): void {
    const isInStep = this.#isInStep(sidecar);
    const sinceMs = isInStep ? this.#appliedMs.get(sidecar) : this.begunMs;
    if (sinceMs === undefined || nowMs - sinceMs < report.seconds * 1000) return;
    const figures = figuresOf(report, this.#services, this.#firstSlow);
    if (isInStep) this.#own = addFigures(this.#own, figures);
    else this.#others = addFigures(this.#others, figures);
  }

  /** Looks at the sidecars that are connected here. */
  look(sidecars: readonly SidecarStatus[], nowMs: number): Evidence {
    const { key, revision, rollout } = this.rolling;
    let inStep = 0;
    const ranks: number[] = [];
    let refusal: Evidence['refusal'] = null;
    for (const { sidecar, connected, acked, rejected } of sidecars) {
      if (!connected) continue;
      const rank = rankOf(sidecar, key);
      ranks.push(rank);
      if (rank >= rollout.threshold) continue;
      inStep++;
      if (acked < revision) this.#appliedMs.delete(sidecar);
      else if (!this.#appliedMs.has(sidecar)) this.#appliedMs.set(sidecar, nowMs);
      const found = rejected.find((one) => `${one.kind}/${one.name}` === key && one.revision === rollout.revision);
      if (found) refusal ??= { sidecar, error: found.error.slice(0, longestError) };
    }
    const applied = sidecars.filter(({ sidecar, connected }) => connected && this.#appliedMs.has(sidecar)).length;
    return {
      revision,
      version: rollout.revision,
      inStep,
      applied,
      crowd: crowdOf(ranks),
      refusal,
      own: this.#own,
      others: this.#others,
    };
  }

  #isInStep(sidecar: string): boolean {
    return rankOf(sidecar, this.rolling.key) < this.rolling.rollout.threshold;
  }
}
