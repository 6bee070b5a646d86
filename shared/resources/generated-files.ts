import { fileURLToPath } from 'node:url';
import { errorPage } from '../errors/reference-page.ts';
import { builtSchemas } from './document-schema.ts';
import { resourcePage } from './reference-page.ts';
import { referenceTexts } from './reference-text.ts';

/**
 * Every generated file with the text it must have: the schemas as JSON, so that a process that only reads resources does not load
 * TypeBox (20 MB), and the reference pages, which say what the schemas and the table of errors say.
 */
export function generatedFiles(): { path: string; text: string }[] {
  return [{ path: besides('document-schemas.json'), text: `${JSON.stringify(builtSchemas, null, 2)}\n` }, ...pages()];
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
