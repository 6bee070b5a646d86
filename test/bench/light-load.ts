import { Agent, get } from 'node:http';

/** Where a request goes: a port of the sidecar and the service named in `Host`. */
export type Target = { readonly port: number; readonly host: string };

/** What came of a light load: how many requests were answered with a status below 400, and how many were not. */
export type LightReport = { readonly answered: number; readonly failed: number };

/** Sends `perSecond` requests a second to the targets in turn over a few kept connections. Far below what a worker can carry. */
export async function loadLightly(
  targets: readonly Target[],
  perSecond: number,
  seconds: number,
): Promise<LightReport> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const total = perSecond * seconds;
  const startMs = performance.now();
  const report = { answered: 0, failed: 0 };
  await new Promise<void>((resolve) => {
    let sent = 0;
    let ended = 0;
    const end = (isAnswered: boolean) => {
      report[isAnswered ? 'answered' : 'failed'] += 1;
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

function send({ port, host }: Target, agent: Agent, end: (isAnswered: boolean) => void): void {
  let hasEnded = false;
  const endOnce = (isAnswered: boolean) => {
    if (!hasEnded) end(isAnswered);
    hasEnded = true;
  };
  const options = { host: '127.0.0.1', port, path: '/products/tea', headers: { host }, agent, timeout: 5000 };
  const request = get(options, (reply) => {
    reply.resume();
    reply.once('end', () => endOnce((reply.statusCode ?? 500) < 400));
    reply.once('error', () => endOnce(false));
  });
  request.once('timeout', () => request.destroy());
  request.once('error', () => endOnce(false));
  request.once('close', () => endOnce(false));
}
