import { parseAddress } from '../../shared/discovery/address.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Store } from './store.ts';

const forms = 'sqlite:FILE, sqlite::memory: or etcd://HOST:PORT[,HOST:PORT][/PREFIX]';

/** Opens what `--store` names. Throws an Error that says what is wrong with it; etcd itself is first called later. */
export async function openStore(name: string, clock: Clock): Promise<Store> {
  const sqlite = /^sqlite:(?:\/\/)?(.+)$/.exec(name);
  if (sqlite) {
    const { openSqlite } = await import('./sqlite.ts');
    return openSqlite(sqlite[1]!, clock);
  }
  const etcd = /^etcd:\/\/([^/]+)(?:\/([A-Za-z0-9._-]{1,64}))?\/?$/.exec(name);
  if (!etcd) throw new Error(`--store must be ${forms}; got "${name}"`);
  const hosts = etcd[1]!.split(',');
  for (const host of hosts) parseAddress(host, '--store');
  const { openEtcd } = await import('./etcd.ts');
  return openEtcd(name, hosts, etcd[2] ?? 'meshlane');
}
