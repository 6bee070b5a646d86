import t from 'tap';
import { route } from '../../dataplane/harness/resources.ts';
import { type Case, readCases } from './corpus.ts';
import { lanes } from './mesh.ts';
import { type Result, runCases } from './run-cases.ts';

const cases = readCases();

for (const lane of lanes)
  t.test(`${lane.join(' -> ')}: every case comes out right`, async (t) => {
    const results = await runCases(t, lane, cases);
    for (const { case: one, differences } of results) t.strictSame(differences, [], `${one.place}: ${one.name}`);
    t.ok(results.length > 0);
  });

t.test('every case notices when its routes say something else', async (t) => {
  const routed = cases.filter(({ resources }) => resources.some(({ kind }) => kind === 'Route'));
  t.strictSame(
    cases.filter((one) => !routed.includes(one)).map(({ name }) => name),
    ['MeshBasic'],
    'all others have some',
  );
  const results: Result[] = [];
  for (const lane of [
    ['http1', 'http1'],
    ['grpc', 'grpc'],
  ] as const)
    results.push(...(await runCases(t, lane, routed.map(withOtherRoutes))));
  t.strictSame(
    results.filter(({ differences }) => differences.length === 0).map((one) => one.case.place),
    [],
  );
  t.equal(results.length, routed.length);
});

function withOtherRoutes({ resources, shares, ...rest }: Case): Case {
  const rules = [{ filters: [{ type: 'DirectResponse', directResponse: { status: 418 } }] }];
  return {
    ...rest,
    shares: shares && { ...shares, requests: 100 },
    resources: resources.map((one) => (one.kind === 'Route' ? route(one.name, rules, one.spec.hostnames) : one)),
  };
}
