import t from 'tap';
import { cookie } from '../../../shared/routing/cookie.ts';

t.test('the first cookie of a name is found, its value as it was sent', async (t) => {
  for (const [cookies, name, value] of [
    ['', 'a', null],
    ['a=1', 'a', '1'],
    ['a=1', 'A', null],
    ['b=2; a=1', 'a', '1'],
    ['b=2;a=1', 'a', '1'],
    ['a=1 ; b=2', 'a', '1'],
    ['a=1; a=2', 'a', '1'],
    ['ab=1', 'a', null],
    ['a=1', 'ab', null],
    ['a', 'a', null],
    ['a; b=1', 'a', null],
    ['a=', 'a', ''],
    ['a=b=c', 'a', 'b=c'],
    ['a="x y"', 'a', '"x y"'],
    ['a=%20', 'a', '%20'],
    ['; ;a=1;', 'a', '1'],
    ['b=a=1', 'a', null],
    ['   ', 'a', null],
  ] as const)
    t.equal(cookie(cookies, name), value, `${name} in ${cookies}`);
});
