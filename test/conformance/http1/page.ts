import { type Report, rowsOf, takenButRefusedElsewhere, tally, tallyText } from './report.ts';

/** The page `docs/conformance/http1.md`: what all proxies made of the corpus, without anything that differs from run to run. */
export function pageOf(reports: readonly Report[], notes: string): string {
  const rows = rowsOf(reports);
  const table = (header: readonly string[], lines: readonly (readonly string[])[]) =>
    [header, header.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  const tables = (['request', 'reply'] as const).map((kind) => {
    const lines = rows
      .filter((row) => row.kind === kind)
      .map((row) => [row.class.replaceAll('-', ' '), ...row.tallies.map(tallyText)]);
    const sums = reports.map(({ results }) => tallyText(tally(results.filter((result) => result.kind === kind))));
    return table(
      [kind === 'request' ? 'Requests' : 'Replies', ...reports.map(({ name }) => name)],
      [...lines, ['all', ...sums]],
    );
  });
  const worst = reports.slice(1).map(({ name, results }) => {
    const critical = results.filter(({ verdict }) => verdict === 'critical');
    const lines = critical.map(({ case: one }) => `${one.class.replaceAll('-', ' ')}: ${one.name}`);
    return `- ${name}: ${lines.length === 0 ? 'none' : lines.join('; ')}`;
  });
  const taken = takenButRefusedElsewhere(reports).map(
    ({ case: one, by }) => `- ${one.class.replaceAll('-', ' ')}: ${one.name} (refused by ${by.join(', ')})`,
  );
  const versions = reports.map(({ name, version }) => `${name} ${version}`).join(', ');
  return `# HTTP/1.1: the corpus, and what proxies make of it

Written by \`npm run conformance -- http1 --page\`. Compared: ${versions}, each as it is shipped, as a plain reverse proxy with kept
connections to its origin (\`test/conformance/http1/peer-configs.ts\`). The cases, each with its RFC section, stand in
\`test/conformance/http1/requests/\` and \`test/conformance/http1/replies/\`.

A number alone counts the cases that came out right. Then, where there are any:

- **lax**: taken although it should be refused, or passed on with what should stay behind, but framed in one way only;
- **strict**: refused although it should be taken;
- **critical**: the origin or the caller could read something else than what the proxy meant: bytes that a strict reader
  refuses because of their framing, a reply that was cut off and looks whole, an answer to another request.

${tables.join('\n\n')}

${notes.trim()}

## What is critical elsewhere

${worst.join('\n')}

## Taken here, refused by another one, and both are right

${taken.length === 0 ? 'Nothing.' : taken.join('\n')}
`;
}
