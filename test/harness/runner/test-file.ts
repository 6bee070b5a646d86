import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

/** A file of tests, and whether it must have the machine for itself. */
export type TestFile = { readonly path: string; readonly isAlone: boolean };

/** A test that measures time says so near its top, with the reason; it then runs after the others and beside none. */
const aloneMark = /^\/\/ @alone: \S/m;

/** All `*.test.ts` under the given files and folders, in order, relative to `root`. Throws when one of them is not there. */
export function findTestFiles(root: string, places: readonly string[]): readonly TestFile[] {
  const paths = new Set(places.flatMap((place) => filesUnder(resolve(root, place))));
  return [...paths].sort().map((path) => ({
    path: relative(root, path),
    isAlone: aloneMark.test(readFileSync(path, 'utf8').slice(0, 1000)),
  }));
}

function filesUnder(place: string): readonly string[] {
  if (!statSync(place).isDirectory()) return [place];
  return readdirSync(place, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && !name.split('/').includes('node_modules'))
    .map((name) => join(place, name));
}
