import { problemTable } from './refusal.ts';

type Operation = {
  summary: string;
  description?: string;
  parameters?: readonly { name: string; in: string; description?: string }[];
  responses: Record<string, { description: string }>;
};
type PathItem = Record<string, Operation | readonly { name: string; in: string; description?: string }[]>;

const methods = ['get', 'put', 'post', 'delete'];

/** The OpenAPI document as a page for people, made once; needs no script and nothing from elsewhere. */
export function docsPage(document: Record<string, unknown>): string {
  const { info, paths, components } = document as unknown as {
    info: { title: string; version: string; description: string };
    paths: Record<string, PathItem>;
    components: { schemas: Record<string, unknown> };
  };
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method] as Operation | undefined;
      return operation ? [operationHtml(method, path, operation)] : [];
    }),
  );
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<details id="schema-${name}"><summary>${escapeHtml(name)}</summary><pre>${escapeHtml(JSON.stringify(schema, null, 2))}</pre></details>`,
  );
  const problems = Object.entries(problemTable).map(
    ([code, { status, title, text }]) =>
      `<dt id="problem-${code}"><code>${status}</code> ${escapeHtml(title)}</dt><dd>${escapeHtml(text)}</dd>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(info.title)}</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
article { border-top: 1px solid #8886; padding: .5rem 0 }
h3 { font-size: 1rem; margin: .5rem 0 } code, pre { font-family: ui-monospace, monospace; font-size: .9em }
.method { display: inline-block; min-width: 4.5rem; font-weight: 700; text-transform: uppercase }
td { padding: 0 1rem 0 0; vertical-align: top } pre { overflow: auto; max-height: 30rem } dt { margin-top: .5rem }
</style></head><body>
<h1>${escapeHtml(info.title)}</h1><p>${escapeHtml(info.description)}</p>
<p>Version ${escapeHtml(info.version)} · machine-readable: <a href="/openapi.json">/openapi.json</a></p>
<h2>Operations</h2>${operations.join('')}
<h2>Problems</h2><dl>${problems.join('')}</dl>
<h2>Schemas</h2>${schemas.join('')}
</body></html>
`;
}

function operationHtml(
  method: string,
  path: string,
  { summary, description, parameters = [], responses }: Operation,
): string {
  const rows = [
    ...parameters.map((one) => [`${one.name} (${one.in})`, one.description ?? '']),
    ...Object.entries(responses).map(([status, response]) => [status, response.description]),
  ].map(([name, text]) => `<tr><td><code>${escapeHtml(name!)}</code></td><td>${escapeHtml(text!)}</td></tr>`);
  const more = description ? `<p>${escapeHtml(description)}</p>` : '';
  return `<article><h3><span class="method">${method}</span><code>${escapeHtml(path)}</code></h3><p>${escapeHtml(summary)}</p>${more}<table>${rows.join('')}</table></article>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
