import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import standaloneCode from 'ajv/dist/standalone/index.js';
import { builtSchemas } from './document-schema.ts';

/**
 * The files that are made from the schemas: the schemas as JSON and their validators as code. A process that only reads
 * resources then loads neither TypeBox (20 MB) nor Ajv and its compiler (15 MB).
 */

const notice = '// Made by `npm run generate` from the schemas beside it. Do not edit.';

/** Every generated file with the text it must have. */
export function generatedFiles(): { path: string; text: string }[] {
  return [
    { path: besides('document-schemas.json'), text: `${JSON.stringify(builtSchemas, null, 2)}\n` },
    { path: besides('document-validators.js'), text: validators() },
  ];
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
  return `${notice}\nimport { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\n${code}\n`;
}
