import { isScalar, LineCounter, type Pair, parseAllDocuments, stringify, visit } from 'yaml';
import type { Issue, Parsed } from '../errors/problem.ts';

/** The one door to the YAML parser. JSON is YAML too, so one reader serves both. */

const mostAliases = 100;
const mostIssues = 100;

/**
 * Splits a YAML or JSON stream into its documents; empty ones are left out. A fault's pointer is empty and its message
 * names the line; of more than 100 faults, the last one tells how many there are besides.
 */
export function readDocuments(text: string): Parsed<unknown[]> {
  const issues: Issue[] = [];
  let untold = 0;
  const refuse = (message: string) => {
    if (issues.length < mostIssues) issues.push({ pointer: '', message });
    else untold++;
  };
  const values: unknown[] = [];
  const lines = new LineCounter();
  const lineAt = (offset: number) => lines.linePos(offset).line;
  // The parser compares each key with every one before it, which takes minutes for a map of 100,000. So we look ourselves.
  for (const document of parseAllDocuments(text, { uniqueKeys: false, prettyErrors: false, lineCounter: lines })) {
    for (const { pos, message } of document.errors) refuse(`line ${lineAt(pos[0])}: ${message.split('\n')[0]}`);
    let isFaulty = document.errors.length > 0;
    visit(document, {
      Map(_key, { items }) {
        for (const offset of repeatedKeys(items as readonly Pair[])) {
          isFaulty = true;
          refuse(`line ${lineAt(offset)}: Map keys must be unique`);
        }
      },
    });
    if (isFaulty) continue;
    try {
      const value: unknown = document.toJS({ maxAliasCount: mostAliases });
      if (Array.isArray(value)) for (const item of value) values.push(item);
      else if (value !== null && value !== undefined) values.push(value);
    } catch (error) {
      refuse((error as Error).message);
    }
  }
  if (untold > 0) issues.push({ pointer: '', message: `and ${untold} more` });
  return issues.length === 0 ? { ok: true, value: values } : { ok: false, issues };
}

/** Where the keys stand that an object could not hold beside an earlier one: `1` and `"1"` are the same there. */
function repeatedKeys(items: readonly Pair[]): number[] {
  const seen = new Set<string>();
  const offsets: number[] = [];
  for (const { key } of items) {
    if (!isScalar(key)) continue;
    const name = String(key.value ?? '');
    if (seen.has(name)) offsets.push(key.range?.[0] ?? 0);
    seen.add(name);
  }
  return offsets;
}

/** Writes values as a YAML stream that `readDocuments` reads back. */
export function writeDocuments(values: readonly unknown[]): string {
  return values.map((value) => stringify(value, { aliasDuplicateObjects: false })).join('---\n');
}
