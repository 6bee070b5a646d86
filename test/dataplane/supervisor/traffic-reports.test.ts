import t from 'tap';
import { TrafficStats } from '../../../dataplane/pipeline/traffic-stats.ts';
import { OutboundTraffic } from '../../../dataplane/supervisor/outbound-traffic.ts';
import { TrafficReports } from '../../../dataplane/supervisor/traffic-reports.ts';
import { newSlotMemory, SlotReader, SlotTable } from '../../../observability/metrics/slots.ts';
import type { WireReport } from '../../../shared/discovery/discovery.ts';

/** The table of one worker, and what is reported of it. */
function worker() {
  const memory = newSlotMemory();
  const reader = new SlotReader(memory);
  const table = new SlotTable(memory, (series) => reader.add(series));
  const traffic = new OutboundTraffic([reader]);
  const clock = { nowMs: 0 };
  const reports = new TrafficReports(() => clock.nowMs);
  const answer = (service: string, code: number, direction = 'outbound') => {
    const stats = new TrafficStats(table, { direction, service, route: 'r' });
    stats.onStart();
    stats.onEnd(code, 3, 0, 0);
  };
  const report = (isTaken = true) => {
    let told: WireReport | null = null;
    reports.tell(traffic.services(), (one) => {
      told = one;
      return isTaken;
    });
    return told as WireReport | null;
  };
  return { clock, traffic, table, answer, report };
}

t.test('a report has what is new since the last one that was taken', async (t) => {
  const { clock, answer, report } = worker();
  clock.nowMs = 7_000_000;
  t.equal(report(), null);
  answer('a', 200);
  answer('a', 503);
  answer('in', 200, 'inbound');
  const latency = [0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  clock.nowMs += 2100;
  t.strictSame(report(false), { seconds: 2, services: [{ service: 'a', requests: 2, errors: 1, latency }] });
  clock.nowMs += 2000;
  t.strictSame(report(), { seconds: 4, services: [{ service: 'a', requests: 2, errors: 1, latency }] });
  t.equal(report(), null);
  answer('a', 404);
  clock.nowMs += 2000;
  t.match(report(), { seconds: 2, services: [{ service: 'a', requests: 1, errors: 0 }] });
});

t.test('a report has 500 entries at most, and the smallest share one', async (t) => {
  const { answer, report } = worker();
  answer('', 404);
  for (let i = 0; i < 600; i++) answer(`s${i}`, 503);
  for (let i = 590; i < 600; i++) answer(`s${i}`, 200);
  const { services } = report()!;
  t.equal(services.length, 500);
  t.match(services.slice(0, 10), Array(10).fill({ requests: 2, errors: 1 }));
  t.match(services.at(-1), { service: '', requests: 102, errors: 101 });
  t.equal(services.at(-1)!.latency[3], 102);
});

t.test('a service is called by requests, connections and fallbacks, and as long as any is open', async (t) => {
  const { table, traffic, answer } = worker();
  const called = () => [...traffic.services()].filter((one) => one.wasCalled()).map(({ service }) => service);
  const a = new TrafficStats(table, { direction: 'outbound', service: 'a', route: 'r' });
  new TrafficStats(table, { direction: 'outbound', service: 'idle', route: 'r' });
  a.onStart();
  t.strictSame([called(), called()], [['a'], ['a']]);
  a.onEnd(200, 1, 0, 0);
  t.strictSame([called(), called()], [['a'], []]);
  a.tcp.onOpened();
  t.strictSame([called(), called()], [['a'], ['a']]);
  a.tcp.onClosed('done');
  t.strictSame(called(), []);
  a.onFallback('b');
  t.strictSame(called(), ['b']);
  answer('a (copy)', 200);
  t.strictSame(called(), ['a (copy)']);
});
