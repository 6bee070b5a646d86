// @alone: it measures how soon a service under attack answers.
import t from 'tap';
import { skipWithout } from '../harness/peers.ts';
import { type AttackSettings, attack, type ModeName } from './attack.ts';
import { startOrigin } from './origin.ts';
import { judgeAttack } from './slow-marks.ts';

const connections = 1000;
const headTimeoutMs = 2000;
/** Mode headers and range end by themselves, as soon as the last connection is closed. */
const settings = (mode: ModeName): AttackSettings => ({
  connections,
  seconds: mode === 'body' ? 4 : mode === 'read' ? 21 : 12,
  // Each slow reader has some MB copied into the kernel's buffers before it is felt: more of them a second is a load.
  rate: mode === 'read' ? 50 : 500,
  limits: { headTimeout: `${headTimeoutMs}ms` },
});
const titles = {
  headers: '1,000 callers that never end their heads take nothing from others, and are closed',
  body: '1,000 callers that send their bodies a few bytes a second take nothing from others',
  range: '1,000 requests for thousands of ranges take nothing from others',
  read: '1,000 callers that read a few bytes a second take nothing from others',
} as const;

t.test('slowhttptest', await skipWithout('slowhttptest', 'nginx'), async (t) => {
  const originPort = await startOrigin(t);
  for (const mode of ['headers', 'body', 'range', 'read'] as const)
    await t.test(titles[mode], async (t) => {
      const report = await attack(t, mode, originPort, settings(mode));
      for (const { promise, isMet, said } of judgeAttack(report, connections, headTimeoutMs))
        t.ok(isMet !== false, `${promise}: ${said}`);
    });
});
