import type { IKeyValue } from 'etcd3';
import type { StoreEntry, StoreKey } from './store.ts';

/** Our keys stand below one prefix of etcd's. */
export class EtcdKeys {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  path(key: string): Buffer {
    return Buffer.from(this.#root + key);
  }

  key(path: Buffer): string {
    return path.toString('utf8').slice(this.#root.length);
  }

  storeKey(kv: IKeyValue): StoreKey {
    return { key: this.key(kv.key), revision: Number(kv.mod_revision) };
  }

  entry(kv: IKeyValue): StoreEntry {
    return {
      ...this.storeKey(kv),
      value: kv.value.toString('utf8'),
      created: Number(kv.create_revision),
      lease: kv.lease === '0' ? null : kv.lease,
    };
  }
}

/** The first key after all that start with the prefix. */
export function endOf(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1]! += 1; // our prefixes end in "/" or a letter, never in 0xff
  return end;
}
