import t from 'tap';
import { Catalog } from '../../../controlplane/catalog/catalog.ts';
import { rankOf } from '../../../controlplane/rollout/sidecar-rank.ts';
import type { StoreEntry } from '../../../controlplane/store/store.ts';
import type { WireRequest } from '../../../controlplane/xds/codec.ts';
import { Instances } from '../../../controlplane/xds/instances.ts';
import { MeshViews } from '../../../controlplane/xds/mesh-views.ts';
import type { NodeFacts } from '../../../controlplane/xds/node-facts.ts';
import { type XdsClient, XdsHub } from '../../../controlplane/xds/xds-hub.ts';
import { systemClock } from '../../../shared/time/clock.ts';
import { until } from '../../harness/until.ts';
import { readByEnvoy } from './envoy-protos.ts';
import { route, service } from './restartable-plane.ts';
import { envoy, read } from './view-of.ts';

const outbound = 'meshlane/outbound';
const forAll: WireRequest = {
  version_info: '',
  node: null,
  resource_names: [],
  type_url: '',
  response_nonce: '',
  error_detail: null,
};

function entryOf(document: { kind: string; name: string }, revision: number): StoreEntry {
  const key = `${document.kind}/${document.name}`;
  return { key, value: JSON.stringify(document), revision, created: revision, lease: null };
}

/** A mesh in which the stored documents have these revisions. */
function catalogOf(documents: readonly { kind: string; name: string }[]): Catalog {
  const catalog = new Catalog({ info: () => {}, warn: () => {} }, systemClock);
  const entries = documents.map((document, i) => entryOf(document, i + 1));
  catalog.onListing({ revision: documents.length, entries });
  return catalog;
}

function viewsOf(documents: readonly { kind: string; name: string }[]): MeshViews {
  const catalog = catalogOf(documents);
  return new MeshViews(catalog, new Instances(catalog));
}

function node(id: string, service: string, listenerPort = 15_001): NodeFacts {
  return { id, userAgent: '', viewer: { ...envoy, workload: { service, namespace: null, labels: {} } }, listenerPort };
}

const to = (backend: string) => route('shop', ['shop'], [{ backends: [{ service: backend }] }]);

t.test('a node has the new version of a canaried resource when its id is among the first', async (t) => {
  const [early, late] = ['envoy-1', 'envoy-2'].sort((a, b) => rankOf(a, 'Route/shop') - rankOf(b, 'Route/shop'));
  const stable = { labels: {}, spec: read(to('old')).spec, revision: 3 };
  const rollout = {
    state: 'progressing',
    step: 1,
    percent: 50,
    threshold: rankOf(late!, 'Route/shop'),
    since: '2026-01-01T00:00:00Z',
    revision: 4,
    stable,
  };
  const views = viewsOf([service('old'), service('new'), { ...to('new'), ...{ rollout: {}, status: { rollout } } }]);
  const backendOf = (id: string) => {
    const { any } = views.of(node(id, 'shop')).get('routes', outbound)!;
    return JSON.stringify(readByEnvoy(any)).match(/"cluster":"(\w+)"/)?.[1];
  };
  t.equal(backendOf(early!), 'new');
  t.equal(backendOf(late!), 'old');
});

const rules = [{ matches: [{ source: { services: ['a'] } }], backends: [{ service: 'a' }] }];
const bySource = [service('a'), route('r', ['a'], rules)];

t.test('nodes that are to have the same share a view', async (t) => {
  const plain = viewsOf([service('a')]);
  const { mesh } = plain.of(node('envoy-1', 'a'));
  t.equal(plain.of(node('envoy-2', 'b')).mesh, mesh);
  const elsewhere = plain.of(node('envoy-3', 'a', 15_002));
  t.equal(elsewhere.mesh, mesh);
  t.match(JSON.stringify(readByEnvoy(elsewhere.get('listeners', outbound)!.any)), '"port_value":15002');
  const sourced = viewsOf(bySource);
  t.not(
    sourced.of(node('envoy-1', 'a')).mesh,
    sourced.of(node('envoy-1', 'b')).mesh,
    'but not where the caller counts',
  );
  plain.clear();
  t.not(plain.of(node('envoy-1', 'a')).mesh, mesh);
});

t.test('a view goes with the last node that has it', async (t) => {
  const catalog = catalogOf(bySource);
  const hub = new XdsHub(catalog);
  t.teardown(() => hub.close());
  const connect = (facts: NodeFacts): XdsClient => {
    const client = { node: facts, peer: '', write: () => {}, end: () => {} };
    hub.add(client);
    hub.ask(client, 'clusters', forAll);
    return client;
  };
  const stays = connect(node('stays', 'a'));
  for (let port = 1; port <= 50; port++) {
    const [same, other] = [connect(node('same', 'a', port)), connect(node('other', `service-${port}`, port))];
    t.equal(hub.views, 2);
    for (const client of [same, other]) hub.remove(client);
  }
  t.equal(hub.views, 1);
  const leavesLater = connect(node('other', 'b'));
  catalog.onChange({ revision: 3, events: [{ type: 'put', entry: entryOf(service('b'), 3) }] });
  await until(() => hub.views === 2, { what: 'views of what is there now' });
  hub.remove(leavesLater);
  t.equal(hub.views, 1);
  hub.remove(stays);
  t.equal(hub.views, 0);
});
