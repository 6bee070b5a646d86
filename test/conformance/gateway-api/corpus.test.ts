import { readFileSync } from 'node:fs';
import t from 'tap';
import { checkReferences } from '../../../shared/resources/references.ts';
import { keyOf, type ResourceKey } from '../../../shared/resources/resource.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';
import { type Case, meshResources, readCase, readCases } from './corpus.ts';
import { notes, pageFile, pageOf } from './page.ts';

const cases = readCases();

/** All tests of the suite that are for meshes, and the features beyond `Mesh` and the kind of route that run them. */
const upstream: Readonly<Record<string, readonly string[]>> = {
  MeshBasic: [],
  MeshTrafficSplit: [],
  MeshPorts: ['HTTPRouteParentRefPort', 'HTTPRouteResponseHeaderModification'],
  MeshFrontend: ['HTTPRouteResponseHeaderModification'],
  MeshFrontendHostname: ['MeshClusterIPMatching', 'HTTPRouteResponseHeaderModification'],
  MeshConsumerRoute: ['MeshConsumerRoute', 'HTTPRouteResponseHeaderModification'],
  MeshHTTPRouteSimpleSameNamespace: [],
  MeshHTTPRouteMatching: [],
  MeshHTTPRouteWeight: [],
  MeshHTTPRouteRequestHeaderModifier: [],
  MeshHTTPRouteBackendRequestHeaderModifier: ['MeshHTTPRouteBackendRequestHeaderModification'],
  MeshHTTPRouteRedirectHostAndStatus: [],
  MeshHTTPRouteRedirectPath: ['MeshHTTPRouteRedirectPath'],
  MeshHTTPRouteRedirectPort: ['MeshHTTPRouteRedirectPort'],
  MeshHTTPRouteSchemeRedirect: ['MeshHTTPRouteSchemeRedirect'],
  MeshHTTPRouteRewritePath: ['MeshHTTPRouteRewritePath'],
  MeshHTTPRouteQueryParamMatching: ['MeshHTTPRouteQueryParamMatching'],
  MeshHTTPRouteNamedRule: ['MeshHTTPRouteNamedRouteRule'],
  MeshHTTPRoute303Redirect: ['HTTPRoute303RedirectStatusCode'],
  MeshHTTPRoute307Redirect: ['HTTPRoute307RedirectStatusCode'],
  MeshHTTPRoute308Redirect: ['HTTPRoute308RedirectStatusCode'],
  MeshGRPCRouteWeight: [],
  MeshGRPCRouteRequestHeaderModifier: [],
};

t.test('each of the 23 tests for meshes is a case, with its features', async (t) => {
  const tests = cases.filter((one) => one.class !== 'rules');
  t.equal(tests.length, 23);
  const more = ({ features }: Case) => features.filter((feature) => !/^(Mesh|HTTPRoute|GRPCRoute)$/.test(feature));
  t.strictSame(Object.fromEntries(tests.map((one) => [one.name, more(one)]).sort()), upstream);
  for (const one of tests) t.equal(one.class === 'mesh-http-extended', more(one).length > 0, `${one.name}: its class`);
});

t.test('each case asks something, and something else than any other', async (t) => {
  const asked = new Map<string, string>();
  for (const { place, asks, shares, resources } of cases) {
    t.ok(asks.length > 0 || shares !== null, place);
    const key = JSON.stringify([asks, shares, resources]);
    t.equal(asked.get(key), undefined, place);
    asked.set(key, place);
  }
});

t.test('resources of a case are such as a user may write, but for what the case says is refused', async (t) => {
  for (const { place, resources, refused } of cases) {
    const known = new Map<ResourceKey, AnyResource>([...meshResources(), ...resources].map((one) => [keyOf(one), one]));
    const list = (kind: string) => [...known.values()].filter((one) => one.kind === kind);
    const set = { get: (key: ResourceKey) => known.get(key), list };
    const faults = resources.flatMap((one) =>
      checkReferences(one, set).map(({ pointer }) => `${keyOf(one)} ${pointer}`),
    );
    t.strictSame(faults, refused, place);
  }
});

t.test('the page says of the cases what is in them', async (t) => {
  t.equal(readFileSync(pageFile, 'utf8'), pageOf(cases, notes()));
});

t.test('a mistake in a case is named with its place', async (t) => {
  const head = 'rule: a\nasserts: b\n';
  const mistakes: Readonly<Record<string, RegExp>> = {
    'asserts: b\n': /x\.yaml: the case: "rule" must be a text/,
    'test: A\nasserts: b\n': /"features" must be a text or a list of texts/,
    [`${head}calls: http3\n`]: /"calls" must be http or grpc, not "http3"/,
    [`${head}request: []\n`]: /the case has no "request"/,
    [`${head}requests: [{ send: { host: a } }]\n`]: /send: "path" must be a text/,
    [`${head}requests: [{ send: { host: a, path: /, header: {} } }]\n`]: /send has no "header"/,
    [`${head}requests: [{ send: { host: a, path: / }, sees: { path: / } }]\n`]: /sees: "by" must be/,
    [`${head}requests: [{ send: { host: a, path: / }, gets: { status: ok } }]\n`]: /gets: "ok" is no status/,
    [`${head}requests: [{ send: { host: a, path: /, headers: { a: 1 } } }]\n`]: /"headers" must be fields/,
    [`${head}---\nkind: Route\nname: r\n`]: /x\.yaml: +\/spec: is required/,
    'rule: [': /x\.yaml: /,
  };
  for (const [text, wanted] of Object.entries(mistakes))
    t.throws(() => readCase('rules', 'x.yaml', text), { message: wanted });
});
