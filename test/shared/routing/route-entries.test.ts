import t from 'tap';
import { readResource } from '../../../shared/resources/read.ts';
import type { SourceMatch } from '../../../shared/resources/route-match.ts';
import type { RouteResource } from '../../../shared/resources/schema.ts';
import { matchesOf, routeEntries } from '../../../shared/routing/route-entries.ts';
import { isFor, type Workload } from '../../../shared/routing/source.ts';

const web: Workload = { service: 'web', namespace: 'shop', labels: { version: 'v2', tier: 'front' } };
const nobody: Workload = { service: null, namespace: null, labels: {} };

t.test('a match with a source is for the callers that have all of it', async (t) => {
  const rows: readonly [source: SourceMatch | undefined, forWeb: boolean, forNobody: boolean][] = [
    [undefined, true, true],
    [{ services: ['web'] }, true, false],
    [{ services: ['cart', 'web'] }, true, false],
    [{ services: ['cart'] }, false, false],
    [{ namespaces: ['shop'] }, true, false],
    [{ namespaces: ['bank'] }, false, false],
    [{ labels: { version: 'v2' } }, true, false],
    [{ labels: { version: 'v2', tier: 'front' } }, true, false],
    [{ labels: { version: 'v1' } }, false, false],
    [{ labels: { version: 'v2', zone: 'a' } }, false, false],
    [{ labels: { constructor: 'Object' } }, false, false],
    [{ labels: {} }, true, true],
    [{ services: ['web'], namespaces: ['shop'], labels: { tier: 'front' } }, true, false],
    [{ services: ['web'], namespaces: ['bank'] }, false, false],
    [{ services: ['cart'], namespaces: ['shop'] }, false, false],
  ];
  for (const [source, forWeb, forNobody] of rows) {
    t.equal(isFor(source, web), forWeb, JSON.stringify(source));
    t.equal(isFor(source, nobody), forNobody, `${JSON.stringify(source)} without a caller`);
  }
});

t.test('a rule without matches takes everything', async (t) => {
  t.same(matchesOf([]), [{}]);
});

t.test('matches for other callers leave no entry, and places stay what they were', async (t) => {
  const read = readResource({
    kind: 'Route',
    name: 'r',
    status: { created: 7 },
    spec: {
      hostnames: ['cart'],
      rules: [
        { matches: [{ source: { services: ['admin'] } }] },
        { matches: [{ method: 'GET', source: { services: ['admin'] } }, { method: 'PUT' }] },
        {},
      ],
    },
  });
  const compiled: number[] = [];
  const entries = routeEntries([(read as { value: RouteResource }).value], web, (route, _, index) => {
    compiled.push(index);
    return `${route.name}/${index}`;
  });
  t.strictSame(
    entries.map(({ rule, match, place, created, name }) => [rule, match.method, place, created, name]),
    [
      ['r/1', 'PUT', 2, 7, 'r'],
      ['r/2', undefined, 3, 7, 'r'],
    ],
  );
  t.strictSame(compiled, [1, 2], 'a rule that no request can reach is not compiled');
});
