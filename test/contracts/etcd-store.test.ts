import t from 'tap';
import { openStore } from '../../controlplane/store/open-store.ts';
import { systemClock } from '../../shared/time/clock.ts';
import { startEtcd } from '../controlplane/etcd.ts';
import { skipWithout } from '../harness/peers.ts';
import { storeContract } from './store.contract.ts';

t.test('etcd', await skipWithout('etcd'), async (t) => {
  const { address } = await startEtcd(t);
  let opened = 0;
  storeContract(t, async () => {
    opened++;
    const store = await openStore(`etcd://${address}/test-${opened}`, systemClock);
    return { store, close: () => store.close() };
  });
});
