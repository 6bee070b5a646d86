import t from 'tap';
import { skipWithout } from '../../harness/peers.ts';
import { pairs } from './cases.ts';
import { runCases } from './run-cases.ts';
import { subjects } from './subject.ts';

const titles = {
  none: 'the interop cases pass between the clients and servers themselves',
  one: 'the interop cases pass through a proxy',
  two: 'the interop cases pass through two proxies',
} as const;

for (const subject of subjects)
  t.test(titles[subject], await skipWithout('grpc-go-client', 'grpc-go-server'), async (t) => {
    const results = await runCases(t, { subject, proxy: 'meshlane', pairs });
    t.equal(results.length, 68);
    for (const { client, server, case: name, failure } of results)
      t.equal(failure, null, `${name}: ${client} and ${server}`);
  });
