import type { RunningProcess } from '../harness/process.ts';

/** A proxy that runs, and may not answer yet. */
export type StartedProxy = { readonly version: string; readonly port: number; readonly running: RunningProcess };

/** Why there is none, in one line. */
export type Missing = { readonly missing: string };
