import fc from 'fast-check';
import t from 'tap';
import { PathTree } from '../../../shared/routing/path-tree.ts';

/** The plain way: maps, and the path cut at each "/". */
class PlainPaths {
  readonly exacts = new Map<string, string>();
  readonly prefixes = new Map<string, string>();

  prefixesOf(path: string): string[] {
    const found: string[] = [];
    let prefix = withoutSlash(path);
    for (;;) {
      const value = this.prefixes.get(prefix);
      if (value !== undefined) found.push(value);
      if (prefix === '') return found;
      prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf('/')));
    }
  }
}

const withoutSlash = (path: string) => (path.endsWith('/') ? path.slice(0, -1) : path);

/** Few letters, so that paths share beginnings and end within one another. */
const path = fc
  .array(fc.constantFrom('/', '/', 'a', 'b', 'ab', 'é'), { maxLength: 8 })
  .map((parts) => `/${parts.join('')}`);

function allPrefixes(tree: PathTree<string>, path: string): string[] {
  const found: string[] = [];
  for (let next = tree.prefix(path, path.length); next !== null; next = tree.prefix(path, next.length - 1)) {
    found.push(next.value);
    if (next.length === 0) break;
  }
  return found;
}

t.test('it finds what maps would find, whatever paths share', async (t) => {
  fc.assert(
    fc.property(
      fc.array(path),
      fc.array(path),
      fc.array(fc.oneof(path, fc.constantFrom('*', ''))),
      (exacts, prefixes, asked) => {
        const tree = new PathTree<string>();
        const plain = new PlainPaths();
        for (const one of exacts) {
          tree.atPath(one, () => `=${one}`);
          plain.exacts.set(one, `=${one}`);
        }
        for (const one of prefixes) {
          const value = tree.atPrefix(one, () => `${withoutSlash(one)}*`);
          plain.prefixes.set(withoutSlash(one), value);
        }
        for (const one of [...asked, ...exacts, ...prefixes]) {
          t.equal(tree.exact(one), plain.exacts.get(one) ?? null, `exactly ${one}`);
          t.strictSame(allPrefixes(tree, one), plain.prefixesOf(one), `prefixes of ${one}`);
        }
      },
    ),
    { seed: 7, numRuns: 300 },
  );
});

t.test('a path as long as they come costs a walk to where it leaves the tree', async (t) => {
  const tree = new PathTree<string>();
  tree.atPrefix('/a', () => 'a');
  t.equal(tree.prefix(`/a/${'/b'.repeat(500_000)}`, 1_000_000)?.value, 'a');
  t.equal(tree.exact(`/a${'/b'.repeat(500_000)}`), null);
});
