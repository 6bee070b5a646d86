import { fileURLToPath } from 'node:url';
import { runCommand } from '../../harness/run-command.ts';

/** What a fleet is to do to a control plane. */
export type PushLoad = {
  readonly url: string;
  readonly pushPort: number;
  /** Process of the control plane. */
  readonly pid: number;
  readonly sidecars: number;
  /** Single changes that are measured; 0: none. */
  readonly changes: number;
  /** Seconds of endpoint changes to sidecars with scopes; 0: none. */
  readonly seconds: number;
};

/** Times in ms. */
export type PushReport = {
  readonly openedMs: number;
  /** From when a change was committed until the last sidecar has it. */
  readonly effectiveMs: readonly number[];
  /** The same until the control plane says that all have it. */
  readonly knownMs: readonly number[];
  /** CPU time of the control plane for each of these changes, the request that makes it included. */
  readonly cpuMs: number;
  /** How much of that the kernel had, from 0 to 1. */
  readonly kernelShare: number;
  readonly bytesPerSidecar: number;
  readonly reconnectedMs: number;
};

export type SustainedReport = {
  readonly changesPerSecond: number;
  /** From the last change until all are in sync. */
  readonly settledMs: number;
  /** Of one CPU. */
  readonly cpuShare: number;
  readonly updatesPerSecond: number;
};

const main = fileURLToPath(new URL('fleet-main.ts', import.meta.url));

/** Runs a fleet of simulated sidecars as a process of its own, on the CPU of this one. */
export async function runFleet<Report extends PushReport | SustainedReport>(load: PushLoad): Promise<Report> {
  const args = ['--max-semi-space-size=64', main, JSON.stringify(load)];
  const { code, stdout, stderr } = await runCommand(process.execPath, args, { timeoutMs: 180_000 });
  if (code !== 0) throw new Error(`the fleet failed: ${stderr || stdout}`);
  return JSON.parse(stdout) as Report;
}
