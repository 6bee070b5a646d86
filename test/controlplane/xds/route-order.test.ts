import fc from 'fast-check';
import t from 'tap';
import type { Message } from '../../../controlplane/xds/codec.ts';
import { MeshConfig } from '../../../controlplane/xds/translate/mesh-config.ts';
import { virtualHost } from '../../../controlplane/xds/translate/routes.ts';
import { Translation } from '../../../controlplane/xds/translate/translation.ts';
import type { RouteResource } from '../../../shared/resources/schema.ts';
import type { RequestView } from '../../../shared/routing/request-view.ts';
import { routeEntries } from '../../../shared/routing/route-entries.ts';
import { HostRoutes } from '../../../shared/routing/route-table.ts';
import { holdsFor } from '../../harness/property.ts';
import { request } from '../../shared/routing/requests.ts';
import { route } from './restartable-plane.ts';
import { read } from './view-of.ts';

const segments = fc.constantFrom('a', 'b', 'ab', 'S.v1', 'Get');
const path = fc.array(segments, { maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
const template = fc
  .array(fc.constantFrom('a', 'b', '*'), { minLength: 1, maxLength: 3 })
  .map((parts) => `/${parts.join('/')}`);
const pattern = fc.constantFrom('/a.*', '/[ab]/.+', '/a|/b', '/.*b');
const value = fc.constantFrom('1', '2');
const fieldMatch = fc.oneof(
  fc.record({ type: fc.constant('Exact'), name: fc.constantFrom('x', 'y'), value, invert: fc.boolean() }),
  fc.record({ type: fc.constantFrom('Present', 'Absent'), name: fc.constantFrom('x', 'y'), invert: fc.boolean() }),
);
const pathMatch = fc.oneof(
  fc.record({ type: fc.constantFrom('Exact', 'PathPrefix'), value: path }),
  fc.record({ type: fc.constant('Template'), value: template }),
  fc.record({ type: fc.constant('RegularExpression'), value: pattern }),
);
const grpcMatch = fc.oneof(
  fc.record({ service: fc.constantFrom('a', 'S.v1') }),
  fc.record({ service: fc.constantFrom('a', 'S.v1'), method: fc.constantFrom('b', 'Get') }),
  fc.record({ method: fc.constantFrom('b', 'Get') }),
);
const headers = fc.array(fieldMatch, { maxLength: 2 });
const match = fc.oneof(
  fc.record({ path: pathMatch, method: fc.constantFrom('GET', 'POST'), headers }, { requiredKeys: [] }),
  fc.record({ grpc: grpcMatch, headers }, { requiredKeys: ['grpc'] }),
);
const asked = fc.record({
  path: fc.oneof(
    path,
    path.map((one) => `${one}/`),
  ),
  method: fc.constantFrom('GET', 'POST'),
  headers: fc.dictionary(fc.constantFrom('x', 'y'), value),
});
const meshes = fc.record({
  matches: fc.array(match, { minLength: 1, maxLength: 12 }),
  requests: fc.array(asked, { minLength: 1, maxLength: 20 }),
});

type Matcher = { exact?: string; safe_regex?: { regex: string } };
type FieldMatcher = {
  name: string;
  present_match?: boolean;
  invert_match?: boolean;
  treat_missing_header_as_empty?: boolean;
  string_match?: Matcher;
};
type XdsMatch = { path?: string; prefix?: string; safe_regex?: { regex: string }; headers?: FieldMatcher[] };

const whole = (regex: string) => new RegExp(`^(?:${regex})$`);

/** As Envoy reads a match of a route. */
function matches(one: XdsMatch, asked: RequestView): boolean {
  if (one.path !== undefined && one.path !== asked.path) return false;
  if (one.prefix !== undefined && !asked.path.startsWith(one.prefix)) return false;
  if (one.safe_regex && !whole(one.safe_regex.regex).test(asked.path)) return false;
  return (one.headers ?? []).every((field) => fieldMatches(field, asked));
}

function fieldMatches(field: FieldMatcher, asked: RequestView): boolean {
  const invert = field.invert_match ?? false;
  const there = field.name === ':method' ? asked.method : asked.header(field.name);
  if (field.present_match) return (there !== null) !== invert;
  const actual = there ?? (field.treat_missing_header_as_empty ? '' : null);
  if (actual === null) return false;
  const { exact, safe_regex } = field.string_match!;
  return (exact === undefined ? whole(safe_regex!.regex).test(actual) : exact === actual) !== invert;
}

t.test('the first route that matches is the one of the rule that our proxies find', async (t) => {
  holdsFor(t, meshes, { runs: 2_000, show: (one) => JSON.stringify(one) }, (mesh) => {
    const rules = mesh.matches.map((one, i) => ({ name: `rule-${i}`, matches: [one] }));
    const routes = [read(route('r', ['h'], rules)) as RouteResource];
    const entries = routeEntries(routes, null, (one, rule, index) => ({ route: one, rule, index }));
    const into = new Translation();
    const host = virtualHost('h', entries, new MeshConfig(routes), 'envoy', into);
    if (into.leftOut.length > 0) throw new Error(`left out: ${JSON.stringify(into.leftOut)}`);
    const ours = new HostRoutes(entries);
    for (const { path, ...more } of mesh.requests) {
      const view = request(path, more);
      const found = (host['routes'] as Message[]).find((one) => matches(one['match'] as XdsMatch, view));
      const expected = ours.match(view);
      const name = expected ? `r/${expected.rule.name}` : undefined;
      if (found?.['name'] !== name) throw new Error(`${path} goes to ${String(found?.['name'])}, not to ${name}`);
    }
  });
});
