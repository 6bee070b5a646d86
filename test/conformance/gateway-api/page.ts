import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdownTable } from '../report-page.ts';
import type { Case, ClassName } from './corpus.ts';

export const pageFile = join(import.meta.dirname, '../../../docs/conformance/gateway-api.md');

const titles: Readonly<Record<Exclude<ClassName, 'rules'>, string>> = {
  'mesh-http-core': 'MESH-HTTP, core',
  'mesh-http-extended': 'HTTP, extended',
  'mesh-grpc': 'MESH-GRPC, core',
};

/** What the page says beside the tables. */
export function notes(): string {
  return readFileSync(join(import.meta.dirname, 'notes.md'), 'utf8');
}

/** The page `docs/conformance/gateway-api.md`. */
export function pageOf(cases: readonly Case[], notes: string): string {
  const tests = cases.filter((one) => one.class !== 'rules');
  const others = tests.filter(({ differs }) => differs !== null);
  const tables = Object.entries(titles).map(([className, title]) => {
    const own = tests.filter((one) => one.class === className);
    return `### ${title}\n\n${markdownTable(['Test', 'Features', 'What is asserted'], own.map(testRow))}`;
  });
  const rules = cases.filter((one) => one.class === 'rules');
  return `# Gateway API: the conformance tests for meshes

Written by \`npm run conformance -- gateway-api --page\` from the cases in \`test/conformance/gateway-api/cases/\`, which are made of
[routes](../reference/route.md), [services](../reference/service.md) and [instances](../reference/instance.md).

${notes.trim()}

## The tests

Of ${tests.length} tests ${tests.length - others.length} are asserted as they are. ${others.length} are about what is not there; what is asserted in their place, and what is not, stands\nbehind the tables. All cases pass.

${tables.join('\n\n')}

### In other terms

${others.map(({ name, differs }) => `- **${name}**: ${differs}`).join('\n')}

## Rules that no test asks for

${markdownTable(
  ['Rule', 'What is asserted'],
  rules.map(({ name, asserts }) => [name, asserts]),
)}
`;
}

function testRow({ name, features, asserts, differs }: Case): readonly string[] {
  return [`${name}${differs === null ? '' : ' (in other terms)'}`, features.join(', '), asserts];
}
