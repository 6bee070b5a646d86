import { Agent, get } from 'node:http';

/** Where a request goes: a port of the sidecar and the service named in `Host`. */
export type Target = { readonly port: number; readonly host: string };

/** What came of a light load; `failures` counts what was not answered with a status below 400, by service and reason. */
export type LightReport = { answered: number; failed: number; readonly failures: Record<string, number> };

/** Sends `perSecond` requests a second to the targets in turn over a few kept connections. Far below what a worker can carry. */
export async function loadLightly(
  targets: readonly Target[],
  perSecond: number,
  seconds: number,
): Promise<LightReport> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const total = perSecond * seconds;
  const startMs = performance.now();
  const report: LightReport = { answered: 0, failed: 0, failures: {} };
  await new Promise<void>((resolve) => {
    let sent = 0;
    let ended = 0;
    const end = (failure: string | null) => {
      report[failure === null ? 'answered' : 'failed'] += 1;
      if (failure !== null) report.failures[failure] = (report.failures[failure] ?? 0) + 1;
      ended += 1;
      if (ended === total) resolve();
    };
    const timer = setInterval(() => {
      const due = Math.min(total, Math.ceil(((performance.now() - startMs) / 1000) * perSecond));
      for (; sent < due; sent++) send(targets[sent % targets.length]!, agent, end);
      if (sent === total) clearInterval(timer);
    }, 10);
  });
  agent.destroy();
  return report;
}

function send({ port, host }: Target, agent: Agent, end: (failure: string | null) => void): void {
  let hasEnded = false;
  const endOnce = (reason: string | null) => {
    if (!hasEnded) end(reason === null ? null : `${host}: ${reason}`);
    hasEnded = true;
  };
  const options = { host: '127.0.0.1', port, path: '/products/tea', headers: { host }, agent, timeout: 5000 };
  const request = get(options, (reply) => {
    const status = reply.statusCode ?? 0;
    reply.resume();
    reply.once('end', () =>
      endOnce(status < 400 ? null : `${status} ${reply.headers['x-meshlane-reason'] ?? ''}`.trim()),
    );
    reply.once('error', (error) => endOnce(error.message));
  });
  request.once('timeout', () => request.destroy(new Error('no reply within 5 s')));
  request.once('error', (error) => endOnce(error.message));
  request.once('close', () => endOnce('closed'));
}
