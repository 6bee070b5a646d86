import { classTable, criticalElsewhere, takenHere, versionsOf } from '../report-page.ts';
import type { Report } from './report.ts';

/** The page `docs/conformance/http1.md`: what all proxies made of the corpus, without anything that differs from run to run. */
export function pageOf(reports: readonly Report[], notes: string): string {
  return `# HTTP/1.1: the corpus, and what proxies make of it

Written by \`npm run conformance -- http1 --page\`. Compared: ${versionsOf(reports)}, each as it is shipped, as a plain reverse proxy with kept
connections to its origin (\`test/conformance/http1/peer-configs.ts\`). The cases, each with its RFC section, stand in
\`test/conformance/http1/requests/\` and \`test/conformance/http1/replies/\`.

A number alone counts the cases that came out right. Then, where there are any:

- **lax**: taken although it should be refused, or passed on with what should stay behind, but framed in one way only;
- **strict**: refused although it should be taken;
- **critical**: the origin or the caller could read something else than what the proxy meant: bytes that a strict reader
  refuses because of their framing, a reply that was cut off and looks whole, an answer to another request.

${classTable('Requests', 'request', reports)}

${classTable('Replies', 'reply', reports)}

${notes.trim()}

## What is critical elsewhere

${criticalElsewhere(reports)}

## Taken here, refused by another one, and both are right

${takenHere(reports)}
`;
}
