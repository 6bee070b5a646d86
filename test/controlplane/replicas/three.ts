import type { Test } from 'tap';
import { until } from '../../harness/until.ts';
import { startEtcd } from '../etcd.ts';
import { callApi, type Reply } from '../plane.ts';
import { type PlaneProcess, startPlaneProcess } from '../plane-process.ts';

export type Replica = PlaneProcess & {
  call(method: string, path: string, body?: unknown): Promise<Reply>;
  /** False as well when it does not answer. */
  isLeader(): Promise<boolean>;
};

export async function startReplica(t: Test, store: string): Promise<Replica> {
  const process = await startPlaneProcess(t, store);
  const call: Replica['call'] = (method, path, body) => callApi(process.url, method, path, body);
  const isLeader = () =>
    call('GET', '/v1/status').then(
      ({ body }) => body.leader as boolean,
      () => false,
    );
  return { ...process, call, isLeader };
}

/** Three control planes, each a process of its own, over one etcd. */
export async function startThree(t: Test): Promise<{ store: string; replicas: Replica[] }> {
  const { address } = await startEtcd(t);
  const store = `etcd://${address}/three`;
  const replicas = await Promise.all([1, 2, 3].map(() => startReplica(t, store)));
  return { store, replicas };
}

export async function leaderOf(replicas: readonly Replica[]): Promise<Replica> {
  return until(async () => {
    const leads = await Promise.all(replicas.map((replica) => replica.isLeader()));
    return replicas.find((_replica, i) => leads[i]);
  });
}
