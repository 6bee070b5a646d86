import type { Test } from 'tap';
import { until } from '../../harness/until.ts';
import { callApi, type Reply } from '../plane.ts';
import { type PlaneProcess, startPlaneProcess } from '../plane-process.ts';
import { Sidecar } from '../sidecar.ts';

const recoveryMs = 5_000;

export type ServedMesh = {
  readonly plane: PlaneProcess;
  readonly sidecar: Sidecar;
  call(method: string, path: string, body?: unknown): Promise<Reply>;
  putService(name: string): Promise<Reply>;
  /** The control plane says that it follows the store, or why it does not. */
  readiness(): Promise<Reply>;
  /** That the sidecar has what it had, was never told of less, and gets a change of now within 5 s. */
  recovers(t: Test): Promise<void>;
};

/**
 * A control plane in a process of its own, which ends when a rejection is not handled, with a sidecar that has the
 * services `kept-1` to `kept-3`.
 */
export async function serveMesh(t: Test, store: string, flags: readonly string[] = []): Promise<ServedMesh> {
  const plane = await startPlaneProcess(t, store, { flags });
  const call: ServedMesh['call'] = (method, path, body) => callApi(plane.url, method, path, body);
  const putService = (name: string) => call('PUT', `/v1/services/${name}`, {});
  const kept = ['kept-1', 'kept-2', 'kept-3'];
  for (const name of kept) t.ok((await putService(name)).status < 300);
  const sidecar = new Sidecar(t, plane.push, 'side-1');
  const hasAll = () => kept.every((name) => sidecar.documents.has(`Service/${name}`));
  await until(hasAll);
  let changes = 0;
  return {
    plane,
    sidecar,
    call,
    putService,
    readiness: () => call('GET', '/readyz'),
    async recovers(t) {
      const fromMs = performance.now();
      const name = `change-${++changes}`;
      await until(async () => (await putService(name)).status < 300, { timeoutMs: recoveryMs, what: 'a write' });
      await until(() => sidecar.documents.has(`Service/${name}`), { timeoutMs: recoveryMs, what: 'the change' });
      const tookMs = performance.now() - fromMs;
      t.ok(tookMs < recoveryMs, `a change arrived after ${Math.round(tookMs)} ms`);
      t.ok(hasAll(), 'the sidecar has what it had');
      t.ok(
        sidecar.updates.every(({ removed }) => removed.length === 0),
        'it was told of nothing that went',
      );
      t.equal(sidecar.ended, null, 'its stream went on');
    },
  };
}
