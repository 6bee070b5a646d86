import { discoveryMethods } from '../../../shared/discovery/discovery-methods.ts';
import { Agent, request } from '../../../shared/http/undici.ts';
import type { Mesh } from './mesh.ts';
import { timeEach } from './quantiles.ts';

const service = 'catalog';
const firstPort = 10_000;

function nameOf(i: number): string {
  return `${service}-${i}`;
}

function documentOf(i: number, round: number): Buffer {
  const spec = { service, address: `127.0.0.${1 + round}`, port: firstPort + i, leaseSeconds: 60 };
  return Buffer.from(JSON.stringify({ kind: 'Instance', name: nameOf(i), spec }));
}

/**
 * Registers instances one after the other. `durable`: until the answer, which says that it is stored for good; `visible`:
 * until a sidecar that is attached has it. In another round they come from another address.
 */
export async function timeRegistrations({ client, arrival }: Mesh, times: number, pauseMs: number, round: number) {
  const visible: number[] = [];
  const durable = await timeEach(times, pauseMs, async (i) => {
    const from = performance.now();
    void arrival(nameOf(i)).then(() => visible.push(performance.now() - from));
    await answerOf((done) => client.ask(discoveryMethods.Register, { document: documentOf(i, round) }, done));
  });
  return { durable, visible };
}

/** Renews the leases of instances that are registered. */
export function timeHeartbeats({ client }: Mesh, times: number, pauseMs: number): Promise<number[]> {
  return timeEach(times, pauseMs, (i) =>
    answerOf((done) => client.ask(discoveryMethods.Heartbeat, { name: nameOf(i) }, done)),
  );
}

/** Reads instances over the control API, on a connection that stays. */
export async function timeReads({ api }: Mesh, times: number, pauseMs: number): Promise<number[]> {
  const dispatcher = new Agent({ connections: 1, pipelining: 1 });
  try {
    return await timeEach(times, pauseMs, async (i) => {
      const { statusCode, body } = await request(`${api}/v1/instances/${nameOf(i)}`, { dispatcher });
      await body.dump();
      if (statusCode !== 200) throw new Error(`the control API answered ${statusCode}`);
    });
  } finally {
    await dispatcher.destroy();
  }
}

function answerOf(call: (done: (error: Error | null) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => (error ? reject(error) : resolve()));
  });
}
