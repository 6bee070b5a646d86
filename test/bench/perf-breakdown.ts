import { basename, join } from 'node:path';
import { runCommand } from '../harness/run-command.ts';
import { formatTable } from './table.ts';

/** Where a sample of the whole process fell. */
export const sampleKinds = [
  'kernel',
  'compiled JavaScript',
  'V8’s built-ins',
  'C++ (Node, V8, libuv, OpenSSL)',
  'C library and vDSO',
] as const;
export type SampleKind = (typeof sampleKinds)[number];

export type PerfBreakdown = {
  readonly samples: number;
  readonly byKind: Readonly<Record<SampleKind, number>>;
  /** Symbols with their samples, most first. JavaScript has none here: the profile of V8 names its functions. */
  readonly symbols: readonly { readonly kind: SampleKind; readonly name: string; readonly samples: number }[];
};

/** Samples of every thread of a process for some seconds; why there are none, where perf is missing or not allowed. */
export async function recordPerf(
  pid: number,
  seconds: number,
  folder: string,
): Promise<PerfBreakdown | { missing: string }> {
  const file = join(folder, 'perf.data');
  // cpu-clock is a timer of the kernel, so it works in virtual machines, too, whose counters are hidden.
  const record = ['record', '--event=cpu-clock', '--freq=1999', `--pid=${pid}`, `--output=${file}`];
  const recorded = await runCommand('perf', [...record, '--', 'sleep', String(seconds)], {
    timeoutMs: (seconds + 30) * 1000,
  });
  if (recorded.code !== 0) return { missing: recorded.stderr.trim().split('\n').at(-1) ?? 'perf failed' };
  const script = await runCommand('perf', ['script', `--input=${file}`, '--fields=comm,tid,ip,sym,dso']);
  if (script.code !== 0) return { missing: script.stderr.trim().split('\n').at(-1) ?? 'perf script failed' };
  return parsePerfScript(script.stdout);
}

/** Reads lines such as `node 123  7f5c tcp_sendmsg ([kernel.kallsyms])`. */
export function parsePerfScript(text: string): PerfBreakdown {
  const byKind = Object.fromEntries(sampleKinds.map((kind) => [kind, 0])) as Record<SampleKind, number>;
  const symbols = new Map<string, { kind: SampleKind; name: string; samples: number }>();
  let samples = 0;
  for (const line of text.split('\n')) {
    const match = /^\s*\S.*?\s+\d+\s+[0-9a-f]+\s+(\S.*?)(?:\+0x[0-9a-f]+)? \((.*)\)$/.exec(line);
    if (!match) continue;
    const [, symbol = '', object = ''] = match;
    const kind = kindOf(symbol, object);
    samples++;
    byKind[kind]++;
    if (kind === 'compiled JavaScript') continue;
    const key = `${kind} ${symbol}`;
    const entry = symbols.get(key) ?? { kind, name: symbol, samples: 0 };
    entry.samples++;
    symbols.set(key, entry);
  }
  return { samples, byKind, symbols: [...symbols.values()].sort((a, b) => b.samples - a.samples) };
}

function kindOf(symbol: string, object: string): SampleKind {
  if (
    /^\[(?:guest\.)?kernel|^\[\w+\]$|\.ko\b/.test(object) &&
    !/^\[(?:vdso|JIT|unknown|anon|heap|stack)\]$/.test(object)
  )
    return 'kernel';
  const name = basename(object);
  if (object === '[vdso]' || /^(?:libc|libm|libpthread|libstdc|ld-)/.test(name)) return 'C library and vDSO';
  if (/^node(?: |$)/.test(name))
    return symbol.startsWith('Builtins_') ? 'V8’s built-ins' : 'C++ (Node, V8, libuv, OpenSSL)';
  return 'compiled JavaScript';
}

const shownSymbols = 20;

/** The parts of a request's CPU time, and the symbols that took most. */
export function formatPerf({ samples, byKind, symbols }: PerfBreakdown, cpuUsPerRequest: number): string {
  const share = (count: number) => `${((count / samples) * 100).toFixed(1)}%`;
  const us = (count: number) => ((count / samples) * cpuUsPerRequest).toFixed(2);
  return [
    formatTable(
      [`all threads, ${samples} samples`, 'share', 'us/request'],
      sampleKinds.map((kind) => [kind, share(byKind[kind]), us(byKind[kind])]),
    ),
    formatTable(
      ['symbols', 'share', 'us/request'],
      symbols.slice(0, shownSymbols).map(({ name, samples: count }) => [name.slice(0, 80), share(count), us(count)]),
    ),
  ].join('\n\n');
}
