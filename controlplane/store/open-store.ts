import { parseAddress } from '../../shared/discovery/address.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Store } from './store.ts';
import { readStoreAccess, refuseStoreFlags, type StoreFlags } from './store-access.ts';

const forms = 'sqlite:FILE, sqlite::memory:, etcd://HOST:PORT[,HOST:PORT][/PREFIX] or etcds://... for TLS';

/**
 * Opens what `--store` names (or the word of a command that `flag` names). Throws an Error that says what is wrong with
 * it; etcd itself is first called later.
 */
export async function openStore(name: string, clock: Clock, flags: StoreFlags = {}, flag = '--store'): Promise<Store> {
  const sqlite = /^sqlite:(?:\/\/)?(.+)$/.exec(name);
  if (sqlite) {
    refuseStoreFlags(flags, name);
    const { openSqlite } = await import('./sqlite.ts');
    return openSqlite(sqlite[1]!, clock);
  }
  const etcd = /^etcd(s?):\/\/([^/]+)(?:\/([A-Za-z0-9._-]{1,64}))?\/?$/.exec(name);
  if (!etcd) throw new Error(`${flag} must be ${forms}; got "${name}"`);
  const hosts = etcd[2]!.split(',');
  for (const host of hosts) parseAddress(host, flag);
  const access = readStoreAccess(flags, etcd[1] === 's');
  const { openEtcd } = await import('./etcd.ts');
  return openEtcd(name, hosts, etcd[3] ?? 'meshlane', access);
}
