import type { Report } from '../http1/report.ts';
import { classTable, criticalElsewhere, markdownTable, takenHere, versionsOf } from '../report-page.ts';
import { chapterRows, failuresOf, type SpecReport } from './h2spec.ts';

/** The page `docs/conformance/http2.md`, without anything that differs from run to run. */
export function pageOf(reports: readonly Report[], specs: readonly SpecReport[], notes: string): string {
  const failures = specs.map(({ name, cases }) => {
    const failed = failuresOf(cases);
    return `- ${name}: ${failed.length === 0 ? 'none' : failed.join('; ')}`;
  });
  return `# HTTP/2: what proxies make of it

Written by \`npm run conformance -- http2 --page\`. Compared: ${versionsOf(reports)}, each as it is shipped, as a plain reverse proxy
that speaks HTTP/2 to its callers and HTTP/1.1 to its origin (\`test/conformance/http2/peer-configs.ts\`).

## From HTTP/2 to HTTP/1.1: the corpus

The cases, each with its RFC section, its frames, and what the origin must see, stand in \`test/conformance/http2/requests/\`.
A number alone counts the cases that came out right. Then, where there are any:

- **lax**: taken although it should be refused, or passed on otherwise than it came, but framed in one way only;
- **strict**: refused although it should be taken;
- **critical**: the origin got bytes that a strict reader refuses because of their framing, two requests for one, another
  body, or a request that its caller had broken off.

${classTable('Requests', 'request', reports)}

${notes.trim()}

### What is critical elsewhere

${criticalElsewhere(reports)}

### Taken here, refused by another one, and both are right

${takenHere(reports)}

## The protocol itself: h2spec

All cases of [h2spec](https://github.com/summerwind/h2spec), the strict ones too (\`-S\`), in clear text; Meshlane's tests run them over TLS as
well. Chapters are those of RFC 7540 and RFC 7541, which it was written for.

${markdownTable(['Chapter', ...specs.map(({ name }) => name)], chapterRows(specs))}

What fails:

${failures.join('\n')}
`;
}
