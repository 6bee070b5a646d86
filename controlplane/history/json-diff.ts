import { isDeepStrictEqual } from 'node:util';

/** One place in a JSON document that is not as before; a side is left out where the place was not there. */
export type JsonChange = { readonly pointer: string; readonly before?: unknown; readonly after?: unknown };

/**
 * Where two JSON values differ, as RFC 6901 pointers: objects field by field, lists item by item. An item put in front of
 * others shows as a change of all of them.
 */
export function jsonDiff(before: unknown, after: unknown, pointer = ''): JsonChange[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isParent(before) || !isParent(after) || Array.isArray(before) !== Array.isArray(after))
    return [{ pointer, before, after }];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) => {
    const at = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (!Object.hasOwn(before, name)) return [{ pointer: at, after: after[name] }];
    if (!Object.hasOwn(after, name)) return [{ pointer: at, before: before[name] }];
    return jsonDiff(before[name], after[name], at);
  });
}

function isParent(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
