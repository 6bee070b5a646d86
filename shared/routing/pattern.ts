import { setFlagsFromString } from 'node:v8';
import type { Issue } from '../errors/problem.ts';
import { listOf } from '../resources/resource.ts';
import type { RouteMatch } from '../resources/route.ts';

/**
 * Patterns of users run on V8's linear engine (flag `l`), whose time grows with the text alone: no input can make them
 * hang. What that engine cannot run (back references, look-ahead) is refused when it is written, not when it is met.
 */
setFlagsFromString('--enable-experimental-regexp-engine');

const mostBytes = 1024;

/** Compiles a pattern that has to match a whole text; throws a SyntaxError for one that cannot be made safe. */
export function compilePattern(source: string): RegExp {
  if (source.length > mostBytes) throw new SyntaxError(`longer than ${mostBytes} characters`);
  new RegExp(source); // the parentheses below must not complete a broken pattern such as ")("
  return new RegExp(`^(?:${source})$`, 'l');
}

/** Faults of the patterns in one match; `at` is its pointer. */
export function checkPatterns(match: RouteMatch | undefined, at: string): Issue[] {
  const issues: Issue[] = [];
  const path = match?.path;
  if (typeof path?.value === 'string') {
    if (path.type === 'RegularExpression') issues.push(...checkPattern(path.value, `${at}/path/value`));
    else if (!path.value.startsWith('/'))
      issues.push({ pointer: `${at}/path/value`, message: `must start with "/"; got ${JSON.stringify(path.value)}` });
  }
  listOf(match?.headers).forEach((header, h) => {
    if (header?.type === 'RegularExpression' && typeof header.value === 'string')
      issues.push(...checkPattern(header.value, `${at}/headers/${h}/value`));
  });
  return issues;
}

/** The fault of one pattern, if it has one. */
export function checkPattern(source: string, pointer: string): Issue[] {
  try {
    compilePattern(source);
    return [];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [{ pointer, message: `not a pattern that runs in linear time: ${why}` }];
  }
}
