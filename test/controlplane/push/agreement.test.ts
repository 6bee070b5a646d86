import { setImmediate as turn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import { Catalog } from '../../../controlplane/catalog/catalog.ts';
import { PushHub } from '../../../controlplane/push/push-hub.ts';
import type { SidecarStream } from '../../../controlplane/push/sidecar-stream.ts';
import type { StoreEvent } from '../../../controlplane/store/store.ts';
import type { WireUpdate } from '../../../shared/discovery/messages.ts';
import { updateCodec } from '../../../shared/discovery/messages.ts';
import { systemClock } from '../../../shared/time/clock.ts';
import { seededRandom } from '../../harness/seeded-random.ts';
import { until } from '../../harness/until.ts';
import { helloOf } from '../sidecar.ts';

const quiet = { info: () => undefined, warn: () => undefined };
const services = ['a', 'b', 'c'];

/** A sidecar that keeps what it is sent, by the rules of the protocol, and answers when it is told to. */
class Copy {
  readonly documents = new Map<string, number>();
  scope: string[] | null;
  readonly #unanswered: number[] = [];
  readonly #stream: SidecarStream;

  constructor(hub: PushHub, name: string, scope: string[] | null) {
    this.scope = scope;
    const hello = { ...helloOf(name), scoped: scope !== null, services: scope ?? [] };
    const write = ({ parts }: { parts: readonly Buffer[] }) =>
      this.#take(updateCodec.decode(Buffer.concat(parts.slice(1))));
    this.#stream = hub.open(hello, 'peer', write, () => undefined);
  }

  answer(): void {
    const revision = this.#unanswered.shift();
    if (revision !== undefined) this.#stream.ack({ revision, rejected: [] });
  }

  get isBusy(): boolean {
    return this.#unanswered.length > 0;
  }

  call(scope: string[]): void {
    this.scope = scope;
    this.#stream.setScope(scope);
  }

  #take({ revision, full, resources, removed }: WireUpdate): void {
    if (full) this.documents.clear();
    for (const { kind, name } of removed) this.documents.delete(`${kind}/${name}`);
    for (const { key, revision: at } of resources) this.documents.set(`${key.kind}/${key.name}`, at);
    this.#unanswered.push(revision);
    if (this.#unanswered.length > 1) throw new Error('more than one update is on its way');
  }
}

t.test('whatever changes, moves and goes, whoever calls what: in the end each has what it is to have', async (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const draw = seededRandom(seed);
    const random = () => draw() / 2 ** 32;
    const below = (count: number) => Math.floor(random() * count);
    const someServices = () => services.filter(() => random() < 0.5);
    const catalog = new Catalog(quiet);
    catalog.onListing({ revision: 1, entries: [] });
    const hub = new PushHub(catalog, systemClock, quiet);
    const copies = Array.from({ length: 6 }, (_, i) => new Copy(hub, `s-${i}`, i < 2 ? null : someServices()));
    let revision = 1;
    const change = () => {
      revision++;
      const isInstance = random() < 0.8;
      const name = `x-${below(5)}`;
      const key = isInstance ? `Instance/${name}` : `Service/${name}`;
      const spec = isInstance ? { service: services[below(3)], address: '127.0.0.1', port: 1 } : {};
      const value = JSON.stringify({ kind: key.split('/')[0], name, labels: {}, spec });
      const event: StoreEvent =
        random() < 0.3
          ? { type: 'delete', key }
          : { type: 'put', entry: { key, value, revision, created: revision, lease: null } };
      catalog.onChange({ revision, events: [event] });
    };
    for (let step = 0; step < 150; step++) {
      const roll = random();
      const copy = copies[below(copies.length)]!;
      if (roll < 0.4) change();
      else if (roll < 0.5 && copy.scope) copy.call(someServices());
      else if (roll < 0.8) copy.answer();
      else await turn();
    }
    const wantedBy = ({ scope }: Copy) => {
      const wanted = new Map<string, number>();
      for (const { key, resource, revision: at } of catalog.all())
        if (resource.kind !== 'Instance' || scope === null || scope.includes(resource.spec.service))
          wanted.set(key, at);
      return [...wanted].sort();
    };
    const hasAll = (copy: Copy) => isDeepStrictEqual([...copy.documents].sort(), wantedBy(copy)) && !copy.isBusy;
    const settle = () => {
      for (const copy of copies) copy.answer();
      return copies.every(hasAll);
    };
    await until(settle, { everyMs: 1, timeoutMs: 2_000 }).catch(() => undefined);
    for (const copy of copies)
      t.strictSame([...copy.documents].sort(), wantedBy(copy), `seed ${seed}, scope ${copy.scope}`);
    hub.close();
  }
});
