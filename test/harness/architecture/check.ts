import type { Import, Module, ModuleGraph } from './module-graph.ts';
import { carried, commandFiles, doors, emptyNames, environmentReaders, instruments, planes, steps } from './rules.ts';

/** Every check takes the whole graph and tells what breaks its rule, one line each. */
type Check = (graph: ModuleGraph) => readonly string[];

export const checkPlanes: Check = (graph) =>
  ours(graph).flatMap(({ path, imports }) => local(imports).flatMap(({ target }) => planeFault(path, target)));

function planeFault(path: string, target: string): readonly string[] {
  const [from, to] = [planeOf(path), planeOf(target)];
  const wrong = (why: string) => [`${path} imports ${target}: ${why}`];
  if (from === 'test' || to === null) return [];
  if (to === 'test') return wrong('only tests import tests');
  const allowed = planes[from ?? ''];
  if (!allowed) return wrong(`${path.split('/')[0]} is no part of the tree`);
  if (instruments.test(path) && to === 'observability' && !instruments.test(target))
    return wrong('an instrument knows nothing of the collector');
  if (from === to || allowed.includes(to)) return [];
  if (allowed.includes('instruments') && instruments.test(target)) return [];
  if (commandFiles.test(path) && to in planes && to !== 'scripts' && to !== 'examples') return [];
  return wrong(
    `${from} may import ${[from, ...allowed].join(', ')}${from === 'cli' ? '; its command files also planes' : ''}`,
  );
}

export const checkSteps: Check = (graph) =>
  ours(graph).flatMap(({ path, imports }) => {
    const from = stepOf(path);
    if (from === null) return planeOf(path) === 'dataplane' ? [`${path} stands in no step of a request`] : [];
    return local(imports).flatMap(({ target, kind }) => {
      const to = stepOf(target);
      if (to === null || to >= from) return [];
      if (carried.test(target) && kind === 'type') return [];
      return [`${path} (${steps[from]!.name}) imports ${target} (${steps[to]!.name}), an earlier step`];
    });
  });

/** Balancers, filters and the like are peers: what two of them share belongs to their interface. */
export const checkFamilies: Check = (graph) =>
  ours(graph).flatMap(({ path, imports }) => {
    const family = familyOf(path);
    if (family === null) return [];
    return local(imports)
      .filter(({ target }) => familyOf(target) === family && target !== path)
      .map(({ target }) => `${path} imports ${target}: members of a family never import each other`);
  });

/**
 * Loads that come back to where they started. Types are left out, because they are erased before anything is loaded:
 * two modules that only name each other's types can be read, tested and started in any order. So are `import()` and
 * threads, which load when the first module has long run.
 */
export const checkCycles: Check = (graph) => {
  const faults: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      faults.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    state.set(path, 'open');
    for (const { target, kind } of local(graph.get(path)?.imports ?? []))
      if (kind === 'value') visit(target, [...trail, path]);
    state.set(path, 'done');
  };
  for (const path of graph.keys()) visit(path, []);
  return faults;
};

export const checkDoors: Check = (graph) =>
  ours(graph).flatMap(({ path, imports }) =>
    imports
      .filter(({ isPackage }) => isPackage && planeOf(path) !== 'test')
      .flatMap(({ target }) => {
        const door = doors[target] ?? doors[`${target.split('/')[0]}/*`];
        if (!door) return [`${path} imports ${target}, which has no door; name the one module that may import it`];
        return door.test(path) ? [] : [`${path} is a second door for ${target}; it opens in ${door.source}`];
      }),
  );

export const checkNames: Check = (graph) =>
  [...graph.keys()].flatMap((path) =>
    path.split('/').flatMap((part) => {
      const name = part.split('.')[0]!;
      if (emptyNames.has(name)) return [`${path}: "${name}" says nothing about what is inside`];
      return /^[a-z0-9]*(-[a-z0-9]+)*$/.test(name) ? [] : [`${path}: "${name}" is not kebab-case`];
    }),
  );

export const checkEnvironment: Check = (graph) =>
  [...graph.values()]
    .filter(({ path, source }) => !environmentReaders.test(path) && readsEnvironment.test(withoutComments(source)))
    .map(({ path }) => `${path} reads the environment; take a value instead`);

const readsEnvironment = /\bprocess\.env\b|\bprocess\[|[{,]\s*env\b[^;]*\}\s*(=\s*process\b|from 'node:process')/;

export const checkExports: Check = (graph) =>
  [...graph.values()]
    .filter(({ source }) => /^export\s+default\b|^export\s*\{[^}]*\bas default\b/m.test(source))
    .map(({ path }) => `${path} has a default export; name it`);

/** An import that is computed cannot be checked. */
export const checkComputedImports: Check = (graph) =>
  ours(graph)
    .filter(({ path, source }) => planeOf(path) !== 'test' && /\bimport\(\s*[^'\s]/.test(withoutComments(source)))
    .map(({ path }) => `${path} imports something that only its run will tell`);

export const checkTargets: Check = (graph) =>
  ours(graph).flatMap(({ path, imports }) =>
    local(imports)
      .filter(({ target }) => /\.(ts|mjs|js)$/.test(target) && !graph.has(target))
      .map(({ target }) => `${path} imports ${target}, which is not there`),
  );

/** The lockfile works with whichever registry the machine uses, so it names none. */
export function checkLockfile(text: string): readonly string[] {
  const faults: string[] = [];
  text.split('\n').forEach((line, index) => {
    if (/"resolved"\s*:\s*"(?!file:)/.test(line)) faults.push(`line ${index + 1} has a "resolved" address`);
    else if (/https?:\/\/[^"/]*(registry|npmjs|artifact|nexus|verdaccio|mirror|proxy)[^"/]*/i.test(line))
      faults.push(`line ${index + 1} names a registry`);
  });
  return faults;
}

function ours(graph: ModuleGraph): readonly Module[] {
  return [...graph.values()];
}

function local(imports: readonly Import[]): readonly Import[] {
  return imports.filter(({ isPackage }) => !isPackage);
}

/** The top folder; null for a file at the top of the checkout, such as package.json. */
function planeOf(path: string): string | null {
  return path.includes('/') ? path.split('/')[0]! : null;
}

function stepOf(path: string): number | null {
  const index = steps.findIndex((step) => step.paths.test(path));
  return index < 0 ? null : index;
}

/** The folder of a member of a family, a folder with one interface of its own name; null for the interface itself. */
function familyOf(path: string): string | null {
  const found = /^(dataplane\/(?:.*\/)?(balancer|filters))\/([^/]+)\.ts$/.exec(path);
  if (!found) return null;
  const [, folder, family, name] = found;
  return name === family || name === family!.replace(/s$/, '') ? null : folder!;
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}
