import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Puts values in the place of `{{name}}`; throws when one has no value or a value has no place. */
export function fillTemplate(text: string, values: Readonly<Record<string, string | number>>): string {
  const unused = new Set(Object.keys(values));
  const filled = text.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) throw new Error(`the template wants "${name}", which has no value`);
    unused.delete(name);
    return String(value);
  });
  if (unused.size > 0) throw new Error(`the template has no place for ${[...unused].join(', ')}`);
  return filled;
}

/** Fills one of the files in `peers/` and writes it into a folder; returns where. */
export function writeTemplate(name: string, folder: string, values: Readonly<Record<string, string | number>>): string {
  const text = readFileSync(join(import.meta.dirname, 'peers', name), 'utf8');
  const file = join(folder, basename(name));
  writeFileSync(file, fillTemplate(text, values));
  return file;
}
