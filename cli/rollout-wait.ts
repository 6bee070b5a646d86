import { setTimeout as wait } from 'node:timers/promises';
import { durationMs, durationPattern } from '../shared/time/duration.ts';
import type { ApiClient } from './api-client.ts';
import { type Invocation, type Option, UsageError } from './command.ts';
import type { Effects } from './effects-text.ts';
import { printJson } from './output.ts';

/** How far the changes of a revision have come, as the control API tells it. */
export type Rollout = {
  readonly state: 'applied' | 'progressing' | 'rejected';
  readonly summary: string;
  readonly resources: readonly {
    readonly kind: string;
    readonly name: string;
    readonly rollout?: {
      readonly state: string;
      readonly step?: number;
      readonly percent?: number;
      readonly reason?: string;
    };
  }[];
  readonly laggards: readonly { sidecar: string; service: string; acked: number; connected: boolean }[];
  readonly rejected: readonly { sidecar: string; kind: string; name: string; error: string }[];
  /** Left out by control planes of an earlier version. */
  readonly unheard?: readonly { replica: string; sidecars: number }[];
};

const pollMs = 50;

/** The flags of a command that can wait for what it did. */
export const waitOptions: Readonly<Record<'wait' | 'timeout', Option>> = {
  wait: {
    text: 'Wait until every sidecar has applied it, the ones lost in the last minute too, step by step where it is rolled out in steps; fails when one refuses it.',
  },
  timeout: { value: 'DURATION', default: '60s', text: 'Longest wait.' },
};

export function readTimeout({ flag }: Pick<Invocation, 'flag'>): string {
  const timeout = flag('timeout')!;
  if (new RegExp(durationPattern).test(timeout)) return timeout;
  throw new UsageError(`--timeout must be a duration such as 30s; got "${timeout}"`);
}

/** Ends a command that changed something: shows it as JSON if asked to, and waits for it if asked to. The exit code. */
export async function endChange(
  client: ApiClient,
  done: Effects,
  { isJson, waits, timeout }: { isJson: boolean; waits: boolean; timeout: string },
): Promise<number> {
  const rollout = waits ? await waitForRollout(client, done.revision, timeout, isJson) : null;
  if (isJson) printJson(rollout ? { ...done, rollout } : done);
  else if (rollout) process.stdout.write(describeRollout(rollout, done.revision, timeout));
  return rollout === null || rollout.state === 'applied' ? 0 : 1;
}

/** Asks until it is applied or refused, and shows each step on the way when somebody looks. */
async function waitForRollout(
  client: ApiClient,
  revision: number,
  timeout: string,
  isQuiet: boolean,
): Promise<Rollout> {
  const deadlineMs = performance.now() + durationMs(timeout);
  let shown = '';
  for (;;) {
    const rollout = (await client.get(`/v1/rollouts/${revision}`)) as Rollout;
    if (rollout.state !== 'progressing' || performance.now() >= deadlineMs) return rollout;
    if (!isQuiet && rollout.summary !== shown) process.stdout.write(`${rollout.summary}\n`);
    shown = rollout.summary;
    await wait(pollMs);
  }
}

function describeRollout(rollout: Rollout, revision: number, timeout: string): string {
  const { state, summary, resources, laggards, rejected, unheard = [] } = rollout;
  const lines = [`${summary} (revision ${revision})`];
  for (const { sidecar, kind, name, error } of rejected) lines.push(`  ${sidecar} refused ${kind}/${name}: ${error}`);
  for (const { kind, name, rollout: own } of resources)
    if (own?.state === 'rolledBack') lines.push(`  ${kind}/${name} was taken back at ${own.percent}%: ${own.reason}`);
  if (state === 'progressing') lines.push(`still waiting after ${timeout} for:`);
  const begun = lines.length;
  for (const { kind, name, rollout: own } of resources)
    if (own?.state === 'progressing') lines.push(`  ${kind}/${name}, at step ${own.step} (${own.percent}%)`);
  for (const { sidecar, service, acked, connected } of laggards) {
    const away = connected ? '' : ', and is not connected';
    lines.push(`  ${sidecar} (${service || 'no service'}) is at revision ${acked}${away}`);
  }
  for (const { replica, sidecars } of unheard)
    lines.push(`  control plane ${replica}, which has not told of it yet, and its other ${sidecars} sidecars`);
  if (state === 'progressing' && lines.length === begun)
    lines.push('  any sidecar: the control plane has just started, and none has come back yet');
  return `${lines.join('\n')}\n`;
}
