import t from 'tap';
import { Catalog } from '../../../controlplane/catalog/catalog.ts';
import { StoredResource } from '../../../controlplane/catalog/stored-resource.ts';
import { MeshFeed } from '../../../controlplane/push/mesh-feed.ts';
import { SidecarStream } from '../../../controlplane/push/sidecar-stream.ts';
import { updateCodec, type WireUpdate } from '../../../shared/discovery/messages.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';
import { helloOf } from '../sidecar.ts';

const route = (name: string, revision: number) =>
  new StoredResource({ kind: 'Route', name, labels: {}, spec: { rules: [] } } as unknown as AnyResource, {
    revision,
    created: 1,
    lease: null,
  });

/** A route of which `first` has one version, and all others have another one. */
class Canaried extends StoredResource {
  readonly #first: StoredResource | null;
  readonly #others: StoredResource | null;

  constructor(revision: number, first: StoredResource | null, others: StoredResource | null) {
    super(route('r', revision).resource, { revision, created: 1, lease: null });
    this.#first = first;
    this.#others = others;
  }

  override forSidecar(sidecar: string): StoredResource | null {
    return sidecar === 'first' ? this.#first : this.#others;
  }
}

function openStream(feed: MeshFeed, name: string, scoped = false) {
  const updates: WireUpdate[] = [];
  const stream: SidecarStream = new SidecarStream(
    { ...helloOf(name), scoped },
    'peer',
    feed,
    ({ parts }) => {
      const update = updateCodec.decode(Buffer.concat(parts.slice(1)));
      updates.push(update);
      stream.ack({ revision: update.revision, rejected: [] });
    },
    () => 0,
  );
  stream.sendAll();
  return { updates, stream };
}

for (const scoped of [false, true])
  t.test(
    `each sidecar has its version, and nothing comes twice (${scoped ? 'with' : 'without'} a scope)`,
    async (t) => {
      const catalog = new Catalog({ info: () => undefined, warn: () => undefined });
      const feed = new MeshFeed(catalog);
      const [first, other] = [openStream(feed, 'first', scoped), openStream(feed, 'other', scoped)];
      const key = { kind: 'Route', name: 'r' } as const;
      const publish = (revision: number, stored: StoredResource | null) => {
        feed.publish(revision, [{ key, stored }]);
        for (const { stream } of [first, other]) stream.offer();
      };
      const told = ({ updates }: typeof first) =>
        updates.slice(1).map(({ resources, removed }) => resources[0]?.revision ?? `${removed[0]?.name} gone`);

      const [stable, canary] = [route('r', 2), route('r', 3)];
      publish(2, stable);
      publish(3, new Canaried(3, canary, stable));
      t.same(told(first), [2, 3]);
      t.same(told(other), [2], 'its version stays');
      t.equal(other.stream.acked, 3, 'and it is in sync');
      publish(4, new Canaried(4, canary, stable));
      t.same(told(other), [2]);
      publish(5, new Canaried(5, stable, stable));
      t.same(told(first), [2, 3, 2], 'rolled back');
      t.same(told(other), [2]);
      publish(6, new Canaried(6, canary, null));
      t.same(told(other), [2, 'r gone']);
      publish(7, null);
      t.same(told(first), [2, 3, 2, 3, 'r gone']);
    },
  );

t.test('a new stream gets its version, too, or none', async (t) => {
  const feed = new MeshFeed(new Catalog({ info: () => undefined, warn: () => undefined }));
  const [stable, canary] = [route('r', 2), route('r', 3)];
  const key = { kind: 'Route', name: 'r' } as const;
  feed.publish(3, [{ key, stored: new Canaried(3, canary, stable) }]);
  const revisions = (name: string) => openStream(feed, name).updates[0]?.resources.map(({ revision }) => revision);
  t.same([revisions('first'), revisions('other')], [[3], [2]]);
  feed.publish(4, [{ key, stored: new Canaried(4, canary, null) }]);
  t.same([revisions('first'), revisions('other')], [[3], []]);
});

t.test('the id of the mesh comes with every update', async (t) => {
  const feed = new MeshFeed(new Catalog({ info: () => undefined, warn: () => undefined }));
  feed.mesh = 'm-1';
  const { updates, stream } = openStream(feed, 's');
  feed.publish(2, [{ key: { kind: 'Route', name: 'r' }, stored: route('r', 2) }]);
  stream.offer();
  t.same(
    updates.map(({ mesh }) => mesh),
    ['m-1', 'm-1'],
  );
});
