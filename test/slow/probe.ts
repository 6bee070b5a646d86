import { request } from 'node:http';

export const probeTimeoutMs = 1000;
const everyMs = 100;

export type ProbeReport = {
  readonly sent: number;
  /** Probes that there was time for: who sends clearly fewer had no CPU, and judges nobody by it. */
  readonly due: number;
  /** Answered with 200 in time. */
  readonly answered: number;
  readonly slowestMs: number;
  readonly p99Ms: number;
  /** Why the others were not, and how often. */
  readonly failures: Readonly<Record<string, number>>;
};

/** Asks for a page on a fresh connection ten times a second, until it is told to stop. */
export function startProbe(port: number): { stop(): Promise<ProbeReport> } {
  const times: number[] = [];
  const failures: Record<string, number> = {};
  const underWay = new Set<Promise<void>>();
  const beganMs = performance.now();
  let sent = 0;
  const fail = (reason: string) => {
    failures[reason] = (failures[reason] ?? 0) + 1;
  };
  const ask = () =>
    new Promise<void>((resolve) => {
      const sinceMs = performance.now();
      sent++;
      const call = request({ port, host: '127.0.0.1', path: '/small', agent: false }, (reply) => {
        reply.resume().on('end', () => {
          const tookMs = performance.now() - sinceMs;
          times.push(tookMs);
          if (reply.statusCode !== 200) fail(`status ${reply.statusCode}`);
          else if (tookMs > probeTimeoutMs) fail('late');
        });
      });
      // Later answers are waited for, too: how late they are is worth knowing.
      call.setTimeout(20 * probeTimeoutMs, () => call.destroy(new Error('no answer')));
      call.on('error', (error) => fail((error as NodeJS.ErrnoException).code ?? error.message));
      call.on('close', resolve);
      call.end();
    });
  const timer = setInterval(() => {
    const one = ask();
    underWay.add(one);
    void one.then(() => underWay.delete(one));
  }, everyMs);
  return {
    stop: async () => {
      clearInterval(timer);
      const due = Math.floor((performance.now() - beganMs) / everyMs);
      await Promise.all(underWay);
      times.sort((a, b) => a - b);
      const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
      return {
        sent,
        due,
        answered: sent - failed,
        slowestMs: times.at(-1) ?? 0,
        p99Ms: times[Math.floor(times.length * 0.99)] ?? 0,
        failures,
      };
    },
  };
}
