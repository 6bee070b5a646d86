import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import standaloneCode from 'ajv/dist/standalone/index.js';
import { errorPage } from '../errors/reference-page.ts';
import { builtSchemas } from './document-schema.ts';
import { resourcePage } from './reference-page.ts';
import { referenceTexts } from './reference-text.ts';

/**
 * The files that are made from the schemas: the schemas as JSON and their validators as code. A process that only reads
 * resources then loads neither TypeBox (20 MB) nor Ajv and its compiler (15 MB). And the reference pages, which say what
 * the schemas and the table of errors say.
 */

const notice = '// Made by `npm run generate` from the schemas beside it. Do not edit.';

/** Every generated file with the text it must have. */
export function generatedFiles(): { path: string; text: string }[] {
  return [
    { path: besides('document-schemas.json'), text: `${JSON.stringify(builtSchemas, null, 2)}\n` },
    { path: besides('document-validators.js'), text: validators() },
    ...pages(),
  ];
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

function validators(): string {
  const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: false, code: { source: true, esm: true } });
  const ids: Record<string, string> = {};
  for (const [kind, schema] of Object.entries(builtSchemas)) {
    ajv.addSchema(JSON.parse(JSON.stringify(schema)) as object, kind);
    ids[`validate${kind}`] = kind;
  }
  const compile = standaloneCode as unknown as (ajv: Ajv, ids: Record<string, string>) => string;
  const code = compile(ajv, ids)
    .replace(/^"use strict";/, '')
    .replaceAll(';export const ', ';\nexport const ')
    .replaceAll(';function ', ';\nfunction ');
  const own = Object.entries(runtime).reduce((text, [from, to]) => text.replace(from, to), code);
  if (own.includes('require('))
    throw new Error('the validators ask for a part of Ajv that generated-files.ts does not replace');
  return `${notice}\n${own}\n`;
}

/** The parts of Ajv that its code would load, and with them the whole CommonJS loader (3 MB). */
const runtime = {
  // Only lists of strings have to be unique here.
  'require("ajv/dist/runtime/equal").default': '(a, b) => a === b',
  // Length in code points (JSON Schema validation §6.3).
  'require("ajv/dist/runtime/ucs2length").default': '(text) => Array.from(text).length',
};
