import { fileURLToPath } from 'node:url';
import { errorPage } from '../errors/reference-page.ts';
import type { CheckedSchema } from './check-schema.ts';
import { builtSchemas } from './document-schema.ts';
import { PolicySpec } from './policy.ts';
import type { PolicyDefaults } from './policy-defaults.ts';
import { resourcePage } from './reference-page.ts';
import { referenceTexts } from './reference-text.ts';

/**
 * Every generated file with the text it must have: the schemas and the defaults in them as JSON, so that
 * a process that only reads resources does not load TypeBox (20 MB), and the reference pages, which say what the schemas and
 * the table of errors say.
 */
export function generatedFiles(): { path: string; text: string }[] {
  return [
    { path: besides('document-schemas.json'), text: `${JSON.stringify(builtSchemas, null, 2)}\n` },
    { path: besides('policy-defaults.json'), text: `${JSON.stringify(policyDefaults(), null, 2)}\n` },
    ...pages(),
  ];
}

const defaulted = ['loadBalancer', 'connections', 'timeouts', 'retry', 'hedge', 'limits'] as const;

/** What holds for each section that no policy has: a worker needs nothing else of the schemas. */
function policyDefaults(): PolicyDefaults {
  const sections = defaulted.map((name) => [name, defaultsOf(PolicySpec.properties[name] as CheckedSchema)]);
  return Object.fromEntries(sections) as PolicyDefaults;
}

function defaultsOf(section: CheckedSchema): object {
  const fields = Object.entries(section.properties ?? {}).filter(([, field]) => field.default !== undefined);
  return Object.fromEntries(
    fields.map(([name, field]) => [name, field.properties ? defaultsOf(field) : field.default]),
  );
}

function pages(): { path: string; text: string }[] {
  const inReference = (name: string) => besides(`../../docs/reference/${name}.md`);
  const ofKinds = Object.entries(builtSchemas).map(([kind, schema]) => ({
    path: inReference(kind.toLowerCase()),
    text: resourcePage(kind, schema, referenceTexts[kind as keyof typeof referenceTexts]),
  }));
  return [...ofKinds, { path: inReference('errors'), text: errorPage() }];
}

function besides(name: string): string {
  return fileURLToPath(new URL(`./${name}`, import.meta.url));
}
