export type SlowStart = {
  readonly windowMs: number;
  /** Share of its weight that an endpoint begins with, in percent. */
  readonly minWeightPercent: number;
  /** 1 rises in a straight line, more of it rises sooner. */
  readonly aggression: number;
};

/** Weights are brought up to date in this many steps of the window, but not more often than ten times a second. */
const steps = 50;
const shortestStepMs = 100;

/** The part of its weight that an endpoint has which has taken requests for so long (Envoy's formula), up to 1. */
export function warmth({ windowMs, minWeightPercent, aggression }: SlowStart, activeForMs: number): number {
  if (activeForMs >= windowMs) return 1;
  const timeFactor = Math.max(activeForMs, Math.min(1000, windowMs)) / windowMs;
  return Math.max(minWeightPercent / 100, timeFactor ** (1 / aggression));
}

/** Time until weights of endpoints that are warming up are to be looked at again. */
export function warmingStepMs({ windowMs }: SlowStart): number {
  return Math.max(shortestStepMs, windowMs / steps);
}
