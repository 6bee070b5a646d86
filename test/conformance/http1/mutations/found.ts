import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { unescaped } from '../../../harness/property.ts';
import type { Finding } from './finding.ts';

/** An input that once went wrong, kept as a file of `found/` so that it never does again. */
export type Found = {
  readonly file: string;
  /** What has to be so, and where the RFCs say it. */
  readonly fact: string;
  readonly section: string;
  readonly request: Buffer | null;
  readonly reply: Buffer | null;
};

type FoundFile = { fact: string; section: string; request?: string; reply?: string };

const folder = new URL('found/', import.meta.url);

export function readFound(): Found[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return files.sort().map((file) => {
    const { fact, section, request, reply } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as FoundFile;
    const bytesOf = (text: string | undefined) => (text === undefined ? null : unescaped(text));
    return { file, fact, section, request: bytesOf(request), reply: bytesOf(reply) };
  });
}

/** Keeps a finding; whoever mends it writes down the fact and the section. Returns the path of the file. */
export function keepFinding({ part, index, what, request, reply }: Finding, seed: number): string {
  const file = new URL(`new-${part}-${seed}-${index}.json`, folder);
  const content: FoundFile = {
    fact: `TODO: ${what.slice(0, 300)}`,
    section: 'TODO',
    ...(request === null ? {} : { request }),
    ...(reply === null ? {} : { reply }),
  };
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  return fileURLToPath(file);
}
