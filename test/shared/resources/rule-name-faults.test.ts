import t from 'tap';
import { readResource } from '../../../shared/resources/read.ts';

/** Messages by the place that they point at. */
function faultsOf(rules: readonly unknown[]): Record<string, string> {
  const read = readResource({ kind: 'Route', name: 'r', spec: { rules } });
  return read.ok ? {} : Object.fromEntries(read.issues.map(({ pointer, message }) => [pointer, message]));
}

t.test('rules of a route are called differently, be it by their place', async (t) => {
  t.strictSame(faultsOf([{ name: 'a' }, {}, { name: 'b' }, { name: '0' }]), {});
  t.strictSame(faultsOf([{ name: 'a' }, { name: 'b' }, { name: 'a' }]), {
    '/spec/rules/2/name': '"a" is what rule 0 is called',
  });
  t.strictSame(faultsOf([{}, { name: '0' }]), { '/spec/rules/1/name': '"0" is what rule 0 is called' });
  t.strictSame(faultsOf([{ name: '1' }, {}]), { '/spec/rules/1/name': '"1" is what rule 0 is called' });
});

t.test('what is no list of rules is left to the schema', async (t) => {
  for (const rules of [null, 'a', [null, null]]) t.notOk('/spec/rules/1/name' in faultsOf(rules as unknown[]));
});
