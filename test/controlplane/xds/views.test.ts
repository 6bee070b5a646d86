import t from 'tap';
import { Catalog } from '../../../controlplane/catalog/catalog.ts';
import { rankOf } from '../../../controlplane/rollout/sidecar-rank.ts';
import { Instances } from '../../../controlplane/xds/instances.ts';
import { MeshViews } from '../../../controlplane/xds/mesh-views.ts';
import { systemClock } from '../../../shared/time/clock.ts';
import { readByEnvoy } from './envoy-protos.ts';
import { route, service } from './restartable-plane.ts';
import { envoy, read } from './view-of.ts';

const outbound = 'meshlane/outbound';

/** The views of a mesh in which the stored documents have these revisions. */
function viewsOf(documents: readonly { kind: string; name: string }[]): MeshViews {
  const catalog = new Catalog({ info: () => {}, warn: () => {} }, systemClock);
  const entries = documents.map((document, i) => ({
    key: `${document.kind}/${document.name}`,
    value: JSON.stringify(document),
    revision: i + 1,
    created: i + 1,
    lease: null,
  }));
  catalog.onListing({ revision: documents.length, entries });
  return new MeshViews(catalog, new Instances(catalog));
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
  const backendOf = (node: string) => {
    const { any } = views.of({ id: node, userAgent: '', viewer: envoy }).get('routes', outbound)!;
    return JSON.stringify(readByEnvoy(any)).match(/"cluster":"(\w+)"/)?.[1];
  };
  t.equal(backendOf(early!), 'new');
  t.equal(backendOf(late!), 'old');
});

t.test('nodes that are to have the same share a view', async (t) => {
  const node = (id: string, service: string, listenerPort = 15_001) => {
    const viewer = { ...envoy, workload: { service, namespace: null, labels: {} }, listenerPort };
    return { id, userAgent: '', viewer };
  };
  const plain = viewsOf([service('a')]);
  const view = plain.of(node('envoy-1', 'a'));
  t.equal(plain.of(node('envoy-2', 'b')), view);
  t.not(plain.of(node('envoy-3', 'a', 15_002)), view, 'one that listens elsewhere does not');
  const rules = [{ matches: [{ source: { services: ['a'] } }], backends: [{ service: 'a' }] }];
  const bySource = viewsOf([service('a'), route('r', ['a'], rules)]);
  t.not(bySource.of(node('envoy-1', 'a')), bySource.of(node('envoy-1', 'b')), 'nor where the caller counts');
  plain.clear();
  t.not(plain.of(node('envoy-1', 'a')), view);
});
