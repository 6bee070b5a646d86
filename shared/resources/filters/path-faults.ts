import type { Issue } from '../../errors/problem.ts';
import { listOf } from '../resource.ts';
import type { RouteRule } from '../route.ts';
import type { RouteMatch } from '../route-match.ts';
import type { PathModifier } from './path-filters.ts';

const fields = ['replaceFullPath', 'replacePrefixMatch'] as const;

/** Faults of a change of the path, in a rule that may be broken. */
export function pathFaults(path: PathModifier | undefined, rule: Partial<RouteRule>, at: string): Issue[] {
  if (typeof path !== 'object' || path === null) return [];
  const own = path.type === 'ReplaceFullPath' ? 'replaceFullPath' : 'replacePrefixMatch';
  const issues = fields.flatMap((field) => {
    if (field === own) return path[field] === undefined ? [needed(`${at}/${field}`, path.type)] : [];
    return path[field] === undefined ? [] : [misplaced(`${at}/${field}`, path.type, own)];
  });
  return path.type === 'ReplacePrefixMatch' ? [...issues, ...prefixFaults(rule, `${at}/type`)] : issues;
}

function needed(pointer: string, type: string): Issue {
  return { pointer, message: `is required for type ${type}` };
}

function misplaced(pointer: string, type: string, own: string): Issue {
  return { pointer, message: `does not belong to type ${type}; say ${own}` };
}

/** It has to be clear for each request by which prefix it came. */
function prefixFaults(rule: Partial<RouteRule>, pointer: string): Issue[] {
  const matches = listOf(rule.matches);
  for (const [m, match] of matches.entries()) {
    if (prefixOf(match) === null)
      return [
        { pointer, message: `needs a path of type PathPrefix in every match of the rule; matches/${m} has another` },
      ];
    if (asksForMore(match) && matches.some((other) => isWithin(match, other)))
      return [
        {
          pointer,
          message: `cannot tell by which prefix a request came, as matches/${m} asks for more than its path and lies within another one; put it into a rule of its own`,
        },
      ];
  }
  return [];
}

/** The prefix by which a match takes requests, without "/" at its end; null for one that takes them otherwise. */
export function prefixOf(match: RouteMatch | undefined): string | null {
  if (match?.grpc !== undefined) return null;
  const { type = 'PathPrefix', value = '/' } = match?.path ?? {};
  return type === 'PathPrefix' && typeof value === 'string' ? value.replace(/\/$/, '') : null;
}

function asksForMore(match: RouteMatch | undefined): boolean {
  return Object.keys(match ?? {}).some((key) => key !== 'path');
}

function isWithin(match: RouteMatch | undefined, other: RouteMatch | undefined): boolean {
  const outer = prefixOf(other);
  return outer !== null && prefixOf(match)!.startsWith(`${outer}/`);
}
