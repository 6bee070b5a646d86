import { inspect } from 'node:util';
import type { FileReport } from './run-file.ts';
import type { Failure } from './tap-report.ts';

/** Tells one check or test file in one line, and everything about what failed in it below. */
export function printFileReport(report: FileReport): void {
  const { path, passed, failed, skipped, failures, trouble } = report;
  const isGood = failed === 0 && trouble === null;
  const counts = [
    `${passed} passed`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(skipped.length > 0 ? [`${skipped.length} skipped`] : []),
  ].join(', ');
  const lines = [`${isGood ? '✓' : '✗'} ${path}  ${counts}  ${seconds(report.tookMs)}`];
  for (const failure of failures) lines.push(...describeFailure(failure));
  if (trouble !== null) lines.push(`    ✗ ${trouble}`);
  if (!isGood) {
    lines.push(...block('printed', report.extra), ...block('printed on stderr', report.stderr));
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

export function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

/** The keys whose text is shown as it is, in this order; of the others only those that tell something. */
const textKeys = ['message', 'diff', 'stack', 'source'];
const silentKeys = new Set(['at', 'typeName', 'tapCaught', 'errorOrigin', ...textKeys]);

function describeFailure({ titles, diagnostics }: Failure): readonly string[] {
  const at = diagnostics['at'] as { fileName?: string; lineNumber?: number } | undefined;
  const place = at?.fileName === undefined ? '' : `  (${at.fileName}:${at.lineNumber})`;
  const lines = [`    ✗ ${titles.join(' > ')}${place}`];
  for (const key of textKeys) if (typeof diagnostics[key] === 'string') lines.push(...block(key, diagnostics[key]));
  for (const [key, value] of Object.entries(diagnostics))
    if (!silentKeys.has(key)) lines.push(...indent(`${key}: ${inspect(value, { depth: 6, breakLength: 110 })}`));
  return lines;
}

function block(title: string, text: string): readonly string[] {
  return text.trim() === '' ? [] : [`      ${title}:`, ...indent(`  ${text.trimEnd().replaceAll('\n', '\n  ')}`)];
}

function indent(text: string): readonly string[] {
  return text.split('\n').map((line) => `      ${line}`);
}
