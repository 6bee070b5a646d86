import t from 'tap';
import { queryName, queryParam } from '../../../shared/routing/query-param.ts';

t.test('the first parameter of a name is found, decoded as in a form', async (t) => {
  for (const [query, name, value] of [
    ['', 'a', null],
    ['a=1', 'a', '1'],
    ['a=1', 'A', null],
    ['a=1', 'b', null],
    ['ab=1', 'a', null],
    ['a=1', 'ab', null],
    ['b=2&a=1', 'a', '1'],
    ['a=1&a=2', 'a', '1'],
    ['a', 'a', ''],
    ['a&b=1', 'a', ''],
    ['a=', 'a', ''],
    ['a=b=c', 'a', 'b=c'],
    ['&&a=1&', 'a', '1'],
    ['=1', 'a', null],
    ['a=b%20c+d', 'a', 'b c d'],
    ['a=%C3%BC', 'a', 'ü'],
    ['%61=1', 'a', '1'],
    ['%61%6a%6A=1', 'ajj', '1'],
    ['%C3%BC=1', 'ü', '1'],
    ['%C3=1', 'Ã', null],
    ['%6=1', '%6', '1'],
    ['%6', '%6', ''],
    ['%6', '%', null],
    ['%g1=1', '%g1', '1'],
    ['%25=1', '%', '1'],
    ['a%3D=1', 'a=', '1'],
    ['a%26=1', 'a&', '1'],
    ['x+y=1', 'x y', '1'],
    ['x+y=1', 'x+y', null],
    ['x%2By=1', 'x+y', '1'],
    ['a=%', 'a', '%'],
    ['a=%zz%41', 'a', '%zzA'],
    ['a=%FF', 'a', '\u{fffd}'],
    ['a=1;b=2', 'a', '1;b=2'],
    ['b=a=1', 'a', null],
  ] as const)
    t.equal(queryParam(query, queryName(name)), value, `${name} in ${query}`);
});

t.test('a long query costs one pass along it', async (t) => {
  const startMs = performance.now();
  for (const piece of ['a&', 'a=&', '%&', '%61&', '&']) t.equal(queryParam(piece.repeat(500_000), 'b'), null, piece);
  t.ok(performance.now() - startMs < 2000);
});
