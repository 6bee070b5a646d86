import type { PathModifier } from '../../shared/resources/filters/path-filters.ts';
import type { RequestHead } from './request-head.ts';

/** What a path becomes. */
export type PathChange = (path: string) => string;

/** A change of the path in a rule that takes requests by these prefixes, which have no "/" at their end. */
export function pathChange(modifier: PathModifier, prefixes: readonly string[]): PathChange {
  if (modifier.type === 'ReplaceFullPath') {
    const path = modifier.replaceFullPath!;
    return () => path;
  }
  const longestFirst = [...prefixes].sort((a, b) => b.length - a.length);
  const replacement = modifier.replacePrefixMatch!.replace(/\/$/, '');
  return (path) => {
    for (const prefix of longestFirst)
      if (isWithin(path, prefix)) return withOneSlash(replacement + path.slice(prefix.length));
    return withOneSlash(replacement + path);
  };
}

/** Whether a request asks for a path at all, and not for the server as a whole (RFC 9110 §7.1). */
export function hasPath({ bytes, method, pathStart, pathEnd }: RequestHead): boolean {
  return pathStart < pathEnd ? bytes[pathStart] === slash : method !== 'OPTIONS';
}

const slash = 47;

function isWithin(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === slash);
}

/** What is left of a path may begin with several, which many readers take for the beginning of a host (RFC 3986 §4.2). */
function withOneSlash(path: string): string {
  let from = 0;
  while (path.charCodeAt(from) === slash) from++;
  return from === 1 ? path : `/${path.slice(from)}`;
}
