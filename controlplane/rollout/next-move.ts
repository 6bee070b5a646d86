import { durationMs } from '../../shared/time/duration.ts';
import type { Crowd } from './crowd.ts';
import { type Evidence, sumOf } from './evidence.ts';
import type { Rolling } from './next-state.ts';
import { objection } from './objection.ts';

export type Move =
  | { readonly to: 'wait' }
  /** `fill`: the step has no sidecar yet. */
  | { readonly to: 'fill' | 'advance'; readonly crowd: Crowd }
  | { readonly to: 'rollBack'; readonly reason: string };

/** Evidence of one control plane; `isFresh` while it may be taken for how things are. */
export type Witness = { readonly evidence: Evidence; readonly isFresh: boolean };

/** So long every control plane has to tell whom it has, before it is said who begins. */
const hearingMs = 2_000;

/**
 * What is to be done with a rollout whose step began so long ago. A refusal counts whoever tells of it, figures as long as
 * they are about this step; sidecars only where their control plane is known to be there.
 */
export function nextMove(
  { resource, rollout, revision }: Rolling,
  witnesses: readonly Witness[],
  elapsedMs: number,
): Move {
  const settings = resource.rollout;
  if (!settings) return { to: 'wait' };
  const all = witnesses.map(({ evidence }) => evidence).filter(({ version }) => version === rollout.revision);
  const { refusal } = sumOf(all);
  if (refusal && settings.abortOn.nack)
    return { to: 'rollBack', reason: `sidecar ${refusal.sidecar} refused it: ${refusal.error}` };
  const { own } = sumOf(all.filter((evidence) => evidence.revision === revision));
  const reason = objection(settings, own, sumOf(all).others);
  if (reason !== null) return { to: 'rollBack', reason };

  const present = witnesses.filter(({ isFresh }) => isFresh).map(({ evidence }) => evidence);
  if (present.length === 0 || present.some((evidence) => evidence.revision !== revision)) return { to: 'wait' };
  const { inStep, applied, crowd } = sumOf(present);
  if (inStep === 0 && crowd.count > 0) return elapsedMs < hearingMs ? { to: 'wait' } : { to: 'fill', crowd };
  const isOver = applied >= inStep && elapsedMs >= durationMs(settings.interval);
  return isOver ? { to: 'advance', crowd } : { to: 'wait' };
}
