import t from 'tap';
import { PathTemplate } from '../../../shared/routing/path-template.ts';

const rows: readonly [template: string, holds: readonly string[], fails: readonly string[]][] = [
  [
    '/users/{id}',
    ['/users/7', '/users/a.b', '/users/*'],
    ['/users', '/users/', '/users/7/', '/users/7/x', '/user/7', ''],
  ],
  [
    '/users/*/orders',
    ['/users/7/orders'],
    ['/users//orders', '/users/7/8/orders', '/users/7/orders2', '/users/7/order'],
  ],
  ['/{a}', ['/x'], ['/', 'x', '/x/', '*', '']],
  ['/{a}/{b}', ['/x/y'], ['/x', '/x/', '//y']],
  ['/files/**', ['/files/a', '/files/a/b', '/files/a/', '/files//'], ['/files', '/files/', '/filesa/b']],
  ['/files/{rest=**}', ['/files/a/b'], ['/files/']],
  ['/**', ['/a', '/a/b/c'], ['/', '', '*']],
  ['/v1/{x}/**', ['/v1/a/b'], ['/v1/a', '/v1/a/', '/v1//b']],
  ['/plain', ['/plain'], ['/plain/', '/plai', '/plain2']],
  ['/', ['/'], ['', '/a', '//']],
  ['/a/', ['/a/'], ['/a', '/a//', '/a/b']],
  ['/a//{x}', ['/a//1'], ['/a/1', '/a/b/1']],
];

t.test('a template matches segment by segment, and its end is the end of the path', async (t) => {
  for (const [text, holds, fails] of rows) {
    const template = new PathTemplate(text);
    for (const path of holds) t.ok(template.test(path), `${text} is ${path}`);
    for (const path of fails) t.notOk(template.test(path), `${text} is not ${path}`);
  }
});

t.test('a template knows what its paths begin with', async (t) => {
  for (const [text, prefix] of [
    ['/users/{id}/x', '/users'],
    ['/a/b/**', '/a/b'],
    ['/{a}', '/'],
    ['/a/b', '/a/b'],
  ] as const)
    t.equal(new PathTemplate(text).prefix, prefix, text);
});

t.test('the template that says more of the path comes first', async (t) => {
  const ordered = [
    '/users/{id}/orders',
    '/users/{id}',
    '/users/{id}/**',
    '/users/**',
    '/{a}/x',
    '/{a}/{b}',
    '/{a}',
    '/**',
  ];
  const sorted = [...ordered].reverse().sort((a, b) => new PathTemplate(a).compare(new PathTemplate(b)));
  t.strictSame(sorted, ordered);
  t.equal(new PathTemplate('/{a}/x').compare(new PathTemplate('/*/y')), 0);
});

t.test('a template that is none is refused with its fault', async (t) => {
  for (const [text, fault] of [
    ['users/{id}', 'must start with "/"'],
    ['/a/**/b', '"**" is the rest of the path, so nothing can follow it'],
    ['/a/{x=**}/', '"**" is the rest of the path, so nothing can follow it'],
    ['/a{b}', 'segment "a{b}" is neither plain text nor one of *, {name}, ** and {name=**}'],
    ['/a*', 'segment "a*" is neither plain text nor one of *, {name}, ** and {name=**}'],
    ['/{}', 'segment "{}" is neither plain text nor one of *, {name}, ** and {name=**}'],
    ['/{1a}', 'segment "{1a}" is neither plain text nor one of *, {name}, ** and {name=**}'],
    ['/{a=*}', 'segment "{a=*}" is neither plain text nor one of *, {name}, ** and {name=**}'],
    ['/{a', 'segment "{a" is neither plain text nor one of *, {name}, ** and {name=**}'],
    ['/***', 'segment "***" is neither plain text nor one of *, {name}, ** and {name=**}'],
    ['/{id}/{id}', 'has the name "id" twice'],
    ['/{id}/{id=**}', 'has the name "id" twice'],
    ['/a?b', 'segment "a?b" has a character that no path has'],
    ['/a#b', 'segment "a#b" has a character that no path has'],
  ] as const)
    t.throws(() => new PathTemplate(text), { name: 'SyntaxError', message: fault }, text);
});
