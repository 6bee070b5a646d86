import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Effects } from './effects-text.ts';

type Decision = {
  readonly rule: string | null;
  readonly reply: { readonly code: string; readonly status: number } | null;
  readonly backends: readonly {
    readonly service: string;
    readonly labels: Record<string, string>;
    readonly percent: number;
  }[];
};

/** A dry run, and what it would make of requests. */
export type RoutingPlan = Effects & {
  readonly requests: number;
  readonly rerouted: readonly { readonly index: number; readonly before: Decision; readonly after: Decision }[];
};

/** Reads requests, one JSON object a line; - is standard input. Throws an Error that names the line. */
export async function readRequests(file: string): Promise<unknown[]> {
  const content = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8').catch(refuse(file));
  return content.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    try {
      return [JSON.parse(line) as unknown];
    } catch (error) {
      throw new Error(`${file}, line ${i + 1} is not JSON: ${(error as Error).message}`);
    }
  });
}

function refuse(file: string): (error: Error) => never {
  return (error) => {
    throw new Error(`cannot read ${file}: ${error.message}`);
  };
}

export function planInWords({ requests: count, rerouted }: RoutingPlan, requests: readonly unknown[]): string {
  const lines = [`${rerouted.length} of ${count} requests would go elsewhere${rerouted.length > 0 ? ':' : ''}`];
  for (const { index, before, after } of rerouted)
    lines.push(requestInWords(requests[index]), `    - ${decisionInWords(before)}`, `    + ${decisionInWords(after)}`);
  return `${lines.join('\n')}\n`;
}

function requestInWords(request: unknown): string {
  const { method = 'GET', host, authority = host, path } = request as Record<string, string>;
  return `  ${method} http://${authority}${path}`;
}

function decisionInWords({ rule, reply, backends }: Decision): string {
  const by = rule === null ? 'no rule' : `rule ${rule}`;
  if (reply) return `${by}: answered ${reply.status} (${reply.code})`;
  const to = backends.map(({ service, labels, percent }) => {
    const subset = Object.entries(labels).map(([label, value]) => ` ${label}=${value}`);
    return `${service}${subset.join('')}${percent === 100 ? '' : ` ${percent}%`}`;
  });
  return `${by}: to ${to.join(', ')}`;
}
