import t from 'tap';
import { SuccessWindow } from '../../../../dataplane/cluster/breaker/success-window.ts';
import { seededRandom } from '../../../harness/seeded-random.ts';

t.test('a window counts what came in its time, to a tenth of it', async (t) => {
  const random = seededRandom();
  const window = new SuccessWindow(1000);
  const all: { atMs: number; isSuccess: boolean }[] = [];
  let nowMs = 123_456;
  for (let i = 0; i < 5000; i++) {
    nowMs += random() % (i % 500 === 0 ? 3000 : 20);
    const isSuccess = random() % 4 > 0;
    window.add(isSuccess, nowMs);
    all.push({ atMs: nowMs, isSuccess });
    const oldest = Math.floor(nowMs / 100) - 9;
    const kept = all.slice(-1000).filter(({ atMs }) => Math.floor(atMs / 100) >= oldest);
    const successes = kept.filter((one) => one.isSuccess).length;
    if (window.total !== kept.length || Math.abs(window.rate - successes / kept.length) > 1e-9)
      return t.fail(`after ${i}: ${window.total} at ${window.rate}, not ${kept.length} at ${successes / kept.length}`);
  }
  window.clear();
  t.equal(window.total, 0);
});
