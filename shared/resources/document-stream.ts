import { parseAllDocuments, stringify } from 'yaml';
import type { Issue, Parsed } from '../errors/problem.ts';

/** The one door to the YAML parser. JSON is YAML too, so one reader serves both. */

const mostAliases = 100;

/** Splits a YAML or JSON stream into its documents; empty ones are left out. A fault's pointer names the line. */
export function readDocuments(text: string): Parsed<unknown[]> {
  const issues: Issue[] = [];
  const values: unknown[] = [];
  for (const document of parseAllDocuments(text, { uniqueKeys: true, prettyErrors: true })) {
    for (const error of document.errors) {
      const line = error.linePos?.[0].line;
      issues.push({ pointer: '', message: `line ${line ?? '?'}: ${error.message.split('\n')[0]}` });
    }
    if (document.errors.length > 0) continue;
    try {
      const value: unknown = document.toJS({ maxAliasCount: mostAliases });
      if (Array.isArray(value)) values.push(...value);
      else if (value !== null && value !== undefined) values.push(value);
    } catch (error) {
      issues.push({ pointer: '', message: (error as Error).message });
    }
  }
  return issues.length === 0 ? { ok: true, value: values } : { ok: false, issues };
}

/** Writes values as a YAML stream that `readDocuments` reads back. */
export function writeDocuments(values: readonly unknown[]): string {
  return values.map((value) => stringify(value, { aliasDuplicateObjects: false })).join('---\n');
}
