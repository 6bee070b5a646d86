import t from 'tap';
import { pathChange } from '../../../dataplane/message/changed-path.ts';
import { prefixOf } from '../../../shared/resources/filters/path-faults.ts';

/** The path that a prefix's replacement leaves; the first rows are the table of Gateway API's HTTPPathModifier. */
const rows: readonly (readonly [path: string, prefix: string, replacement: string, expected: string])[] = [
  ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
  ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
  ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
  ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
  ['/foo', '/foo', '/xyz', '/xyz'],
  ['/foo/', '/foo', '/xyz', '/xyz/'],
  ['/foo/bar', '/foo', '', '/bar'],
  ['/foo/', '/foo', '', '/'],
  ['/foo', '/foo', '', '/'],
  ['/foo/', '/foo', '/', '/'],
  ['/foo', '/foo', '/', '/'],
  ['/foo', '/foo/', '/xyz', '/xyz'],
  ['/foo/bar', '/', '/xyz', '/xyz/foo/bar'],
  ['/', '/', '/xyz', '/xyz/'],
  ['/foo/bar', '/', '/', '/foo/bar'],
  ['/foo//bar', '/foo', '/xyz', '/xyz//bar'],
  ['/foo/foo/bar', '/foo', '/xyz', '/xyz/foo/bar'],
  ['/foo/%2e%2E/b%20r', '/foo', '/xyz', '/xyz/%2e%2E/b%20r'],
  // What could be read as a host afterwards.
  ['/foo//evil.test/', '/foo', '', '/evil.test/'],
  ['/foo///evil.test/', '/foo', '/', '/evil.test/'],
  ['//evil.test/', '/', '/', '/evil.test/'],
  ['//evil.test/', '/', '/xyz', '/xyz//evil.test/'],
];

t.test('a prefix is replaced by whole segments', async (t) => {
  for (const [path, prefix, replacePrefixMatch, expected] of rows) {
    const change = pathChange({ type: 'ReplacePrefixMatch', replacePrefixMatch }, [prefixOf({ path: value(prefix) })!]);
    t.equal(change(path), expected, `${path} in ${prefix} by "${replacePrefixMatch}"`);
  }
});

t.test('of several prefixes it is the longest that the path lies within', async (t) => {
  const change = pathChange({ type: 'ReplacePrefixMatch', replacePrefixMatch: '/x' }, ['/a', '/a/b', '', '/ab']);
  for (const [path, expected] of [
    ['/a/b/c', '/x/c'],
    ['/a/b', '/x'],
    ['/a/bc', '/x/bc'],
    ['/a', '/x'],
    ['/ab/c', '/x/c'],
    ['/abc', '/x/abc'],
  ] as const)
    t.equal(change(path), expected, path);
});

t.test('a whole path is replaced whatever it was', async (t) => {
  const change = pathChange({ type: 'ReplaceFullPath', replaceFullPath: '/new/one' }, []);
  for (const path of ['/', '/a/b', '//a']) t.equal(change(path), '/new/one', path);
});

function value(prefix: string) {
  return { type: 'PathPrefix' as const, value: prefix };
}
