import t from 'tap';
import { readResource } from '../../../shared/resources/read.ts';

const at = '/spec/rules/0/matches/0';

function faultsOf(match: unknown): string[] {
  const read = readResource({ kind: 'Route', name: 'r', spec: { rules: [{ matches: [match] }] } });
  return read.ok ? [] : read.issues.map(({ pointer, message }) => `${pointer.replace(at, '')}: ${message}`).sort();
}

t.test('a sound match is taken', async (t) => {
  for (const match of [
    {},
    { path: { type: 'Template', value: '/users/{id}/files/{file=**}' } },
    {
      headers: [
        { name: 'x', value: '' },
        { type: 'Present', name: 'X' },
        { type: 'Absent', name: 'y', invert: true },
      ],
    },
    {
      queryParams: [
        { name: 'page size', value: '10' },
        { type: 'RegularExpression', name: 'ü', value: '[0-9]+' },
      ],
    },
    { cookies: [{ name: 'beta', value: '1', invert: true }] },
    { source: { services: ['web'], namespaces: ['shop'], labels: { version: 'v2' } } },
  ])
    t.strictSame(faultsOf(match), [], JSON.stringify(match));
});

t.test('a faulty match is refused with its field and what to do', async (t) => {
  const linear = /not a pattern that runs in linear time/;
  const rows: readonly [match: unknown, faults: readonly (string | RegExp)[]][] = [
    [{ path: { value: 'x' } }, ['/path/value: must start with "/"; got "x"']],
    [{ path: { type: 'Exact', value: 'x' } }, ['/path/value: must start with "/"; got "x"']],
    [{ path: { type: 'RegularExpression', value: '(' } }, [linear]],
    [
      { path: { type: 'Template', value: '/a/**/b' } },
      ['/path/value: is no template: "**" is the rest of the path, so nothing can follow it; got "/a/**/b"'],
    ],
    [{ path: { type: 'Template', value: 7 } }, [/^\/path\/value: must be string/]],
    [
      { path: { type: 'Glob', value: '/' } },
      [/^\/path\/type: must be one of Exact, PathPrefix, RegularExpression, Template; got "Glob"/],
    ],
    ...(['headers', 'queryParams', 'cookies'] as const).flatMap((list) => {
      const rows: [unknown, (string | RegExp)[]][] = [
        [
          { [list]: [{ name: 'a' }] },
          [`/${list}/0/value: is required for type Exact; any value will do for type Present`],
        ],
        [{ [list]: [{ type: 'RegularExpression', name: 'a' }] }, [/0\/value: is required for type RegularExpression/]],
        [
          { [list]: [{ type: 'Present', name: 'a', value: '1' }] },
          [`/${list}/0/value: type Present has no value; leave it out, or take another type`],
        ],
        [{ [list]: [{ type: 'Absent', name: 'a', value: '' }] }, [/0\/value: type Absent has no value/]],
        [{ [list]: [{ type: 'RegularExpression', name: 'a', value: '(?=a)' }] }, [linear]],
        [
          { [list]: [{ name: '', value: 1, invert: 'no', values: [] }] },
          [
            /invert: must be boolean/,
            /name: /,
            /value: must be string/,
            /values: unknown field; known here: type, name, value, invert/,
          ],
        ],
        [{ [list]: Array(17).fill({ name: 'a', value: '1' }) }, [new RegExp(`^/${list}: must NOT have more than 16`)]],
        [
          { [list]: [null, 'a'] },
          [new RegExp(`^/${list}/0: must be object`), new RegExp(`^/${list}/1: must be object`)],
        ],
        [{ [list]: {} }, [new RegExp(`^/${list}: must be array`)]],
      ];
      return rows;
    }),
    [{ headers: [{ name: 'a b', value: '' }] }, [/^\/headers\/0\/name: is not allowed: "a b"/]],
    [{ cookies: [{ name: 'a=b', value: '' }] }, [/^\/cookies\/0\/name: is not allowed: "a=b"/]],
    [{ source: {} }, [/^\/source: must NOT have fewer than 1 properties; .*Who calls/]],
    [
      { source: { services: [], namespaces: ['a', 'a'], labels: { '-': 'x' }, service: 'web' } },
      [
        /^\/source\/labels\/-: not allowed here/,
        /^\/source\/namespaces: must NOT have duplicate items/,
        /^\/source\/service: unknown field; known here: services, namespaces, labels/,
        /^\/source\/services: must NOT have fewer than 1 items/,
      ],
    ],
    [{ source: { services: ['Web'] } }, [/^\/source\/services\/0: is not allowed: "Web"/]],
  ];
  for (const [match, faults] of rows) t.match(faultsOf(match), faults, JSON.stringify(match));
  for (const [match, faults] of rows) t.equal(faultsOf(match).length, faults.length, JSON.stringify(match));
});
