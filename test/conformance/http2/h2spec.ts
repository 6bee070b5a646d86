import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Owner } from '../../harness/owner.ts';
import { findPeer } from '../../harness/peers.ts';
import { runCommand } from '../../harness/run-command.ts';
import { tempFolder } from '../../harness/temp-folder.ts';

/** A case of h2spec and what came of it. */
export type SpecCase = {
  /** `http2/6.9.1`, by the chapters of RFC 7540 and RFC 7541; `generic/...` are its own. */
  readonly section: string;
  readonly title: string;
  readonly verdict: 'pass' | 'fail' | 'skip';
};

/** How long one case waits for what it expects. */
const caseTimeoutSeconds = 2;

/** Runs all cases of h2spec, the strict ones too, against a server on this machine; throws when the tool fails itself. */
export async function runH2spec(t: Owner, port: number, { isTls }: { isTls: boolean }): Promise<SpecCase[]> {
  const tool = await findPeer('h2spec');
  if (tool.path === null) throw new Error(`h2spec is missing: ${tool.reason}`);
  const file = join(tempFolder(t), 'h2spec.xml');
  const flags = ['-S', '-h', '127.0.0.1', '-p', String(port), '-o', String(caseTimeoutSeconds), '-j', file];
  const { code, stderr } = await runCommand(tool.path, [...flags, ...(isTls ? ['-t', '-k'] : [])], {
    timeoutMs: 400_000,
  });
  // 1 is also how it says that a case failed.
  if (code !== 0 && code !== 1) throw new Error(`h2spec failed: ${stderr}`);
  return readReport(readFileSync(file, 'utf8'));
}

/** Reads its report, which is in the form of JUnit. */
export function readReport(xml: string): SpecCase[] {
  const cases = xml.matchAll(/<testcase package="([^"]*)" classname="([^"]*)"[^>]*>(.*?)<\/testcase>/gs);
  return [...cases].map(([, section = '', title = '', inside = '']) => ({
    section,
    title: unescaped(title),
    verdict: /<(failure|error)/.test(inside) ? 'fail' : inside.includes('<skipped') ? 'skip' : 'pass',
  }));
}

function unescaped(text: string): string {
  const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
  return text.replace(/&(?:#(\d+)|(\w+));/g, (_, code: string | undefined, name: string) =>
    code === undefined ? named[name]! : String.fromCharCode(Number(code)),
  );
}

export type SpecReport = { readonly name: string; readonly cases: readonly SpecCase[] };

/** A row for each chapter, with `passed of all` for each report. */
export function chapterRows(reports: readonly SpecReport[]): string[][] {
  const chapters = new Set(reports.flatMap(({ cases }) => cases.map(chapterOf)));
  const countOf = (cases: readonly SpecCase[]) => {
    const passed = cases.filter(({ verdict }) => verdict === 'pass').length;
    return passed === cases.length ? String(passed) : `${passed} of ${cases.length}`;
  };
  const rows = [...chapters].map((chapter) => [
    chapter,
    ...reports.map(({ cases }) => countOf(cases.filter((one) => chapterOf(one) === chapter))),
  ]);
  return [...rows, ['all', ...reports.map(({ cases }) => countOf(cases))]];
}

/** `http2/6.9.1` belongs to `http2 6`. */
function chapterOf({ section }: SpecCase): string {
  return section.replace('/', ' ').split('.', 1)[0]!;
}

export function failuresOf(cases: readonly SpecCase[]): string[] {
  return cases.filter(({ verdict }) => verdict !== 'pass').map(({ section, title }) => `${section}: ${title}`);
}
