import { join } from 'node:path';
import { startProcess } from '../harness/process.ts';
import type { Rig } from './rig.ts';

/** Stands for a collector: takes whatever spans are sent over OTLP/HTTP and counts, so that tracing is seen to be on. */
export type SpanSink = { readonly port: number; received(): Promise<{ exports: number; bytes: number }> };

/**
 * Starts the sink as a process of the lowest priority on the CPU of the load. Making and sending spans is work of the
 * proxy and counts; taking them is a collector's, and would otherwise hold up load and origin for Meshlane alone.
 */
export async function startSpanSink(rig: Rig): Promise<SpanSink> {
  const running = await startProcess({
    command: process.execPath,
    args: [join(import.meta.dirname, 'span-sink-main.ts')],
    t: rig.owner,
    ready: /^port \d+$/,
  });
  const port = Number(/^port (\d+)$/m.exec(running.output())![1]);
  return {
    port,
    received: async () =>
      (await fetch(`http://127.0.0.1:${port}/received`)).json() as Promise<{ exports: number; bytes: number }>,
  };
}
