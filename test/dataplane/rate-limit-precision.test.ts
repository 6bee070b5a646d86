// @alone: it measures a rate
import t from 'tap';
import { get, type RawClient, rawClient } from './harness/raw-client.ts';
import { route, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

const perSecond = 1500;
const perBatch = 10;
const forMs = 2500;
const batch = get().repeat(perBatch);

/** How many of a batch passed, which was sent and answered at these times. */
type Batch = { readonly passed: number; readonly fromMs: number; readonly toMs: number };

t.test('of 10,000 requests over two workers those of the rate pass, give or take one in a hundred', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  // So long a burst that nothing is lost while the machine does something else; it is used up first.
  const rateLimits = [{ name: 'rate', requests: perSecond, burst: 3 * perSecond }];
  const resources = [...serviceAt('app', origin.port), route('shop', [{ backends: [{ service: 'app' }], rateLimits }])];
  const proxy = await staticProxy(t, { resources, spec: { workers: 2 } });
  const clients = await Promise.all(Array.from({ length: 8 }, () => rawClient(t, proxy.port)));

  let asked = 0;
  let passed = 0;
  const ask = async (client: RawClient): Promise<Batch> => {
    const fromMs = performance.now();
    client.send(batch);
    let count = 0;
    for (let i = 0; i < perBatch; i++) if ((await client.reply()).status === 200) count++;
    asked += perBatch;
    passed += count;
    return { passed: count, fromMs, toMs: performance.now() };
  };
  /** The first batch that meets an empty bucket. */
  const untilEmpty = async (): Promise<Batch> => {
    for (;;) {
      const last = await ask(clients[0]!);
      if (last.passed < perBatch) return last;
    }
  };

  const first = await untilEmpty();
  asked = passed = 0;
  const goOn = async (client: RawClient) => {
    while (asked < 10_000 || performance.now() < first.toMs + forMs) await ask(client);
  };
  await Promise.all(clients.map(goOn));
  const last = await untilEmpty();
  const least = ((last.fromMs - first.toMs) / 1000) * perSecond;
  const most = ((last.toMs - first.fromMs) / 1000) * perSecond;
  t.ok(passed > 0.99 * least && passed < 1.01 * most, `${passed} of ${asked} passed, ${least} to ${most} may`);
});
