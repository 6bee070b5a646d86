import { setFlagsFromString } from 'node:v8';
import type { Issue } from '../errors/problem.ts';

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
