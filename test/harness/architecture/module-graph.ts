import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export type Import = {
  /** A path from the top of the checkout, or the name of a package; Node's own modules are left out. */
  readonly target: string;
  readonly isPackage: boolean;
  /**
   * `value`: loaded with the module. `type`: `import type`, erased before Node sees it. `later`: `import()` or a worker
   * thread's entry, loaded when that line runs.
   */
  readonly kind: 'value' | 'type' | 'later';
};

export type Module = { readonly path: string; readonly source: string; readonly imports: readonly Import[] };

/** Every module of ours by its path, in order. */
export type ModuleGraph = ReadonlyMap<string, Module>;

// The formatter keeps statements at the start of their line, so lines in comments and in nested strings do not count.
const statement = /^(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?'([^'\n]+)'/gm;
const deferred = /\bimport\(\s*'([^'\n]+)'\s*\)/g;
const required = /\b(?:require|createRequire\(import\.meta\.url\))\(\s*['"]([^'"\n]+)['"]\s*\)/g;
const thread = /new Worker\(\s*new URL\('([^'\n]+)',\s*import\.meta\.url\)/g;

export function readModule(path: string, source: string): Module {
  const imports: Import[] = [];
  const add = (specifier: string, kind: Import['kind']) => {
    if (specifier.startsWith('node:')) return;
    const isPackage = !specifier.startsWith('.');
    const target = isPackage ? packageOf(specifier) : normalize(join(dirname(path), specifier));
    imports.push({ target, isPackage, kind });
  };
  for (const [, isType, specifier] of source.matchAll(statement)) add(specifier!, isType ? 'type' : 'value');
  for (const [, specifier] of source.matchAll(deferred)) add(specifier!, 'later');
  for (const [, specifier] of source.matchAll(required)) add(specifier!, 'value');
  for (const [, specifier] of source.matchAll(thread)) add(specifier!, 'later');
  return { path, source, imports };
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** A graph from sources by path, as the tests of the rules make it up. */
export function graphOf(sources: Readonly<Record<string, string>>): ModuleGraph {
  return new Map(Object.entries(sources).map(([path, source]) => [path, readModule(path, source)]));
}

/** The graph of the checkout: what git knows and what is new and not ignored. */
export function readCheckout(root: string): ModuleGraph {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  const paths = listed.split('\n').filter((path) => /\.(ts|mjs|js)$/.test(path) && existsSync(join(root, path)));
  return new Map(paths.sort().map((path) => [path, readModule(path, readFileSync(join(root, path), 'utf8'))]));
}
