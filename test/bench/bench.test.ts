import { join } from 'node:path';
import t from 'tap';
import { skipWithout } from '../harness/peers.ts';
import { runCommand } from '../harness/run-command.ts';

const mainFile = join(import.meta.dirname, 'main.ts');
const bench = (...args: string[]) => runCommand(process.execPath, [mainFile, ...args]);

t.test('a short run measures a real proxy and writes every round', await skipWithout('haproxy', 'wrk'), async (t) => {
  const run = ['h1', '--only', 'haproxy', '--rounds', '2', '--seconds', '1', '--warmup', '0', '--no-pin'];
  const { code, stdout, stderr } = await bench(...run, '--connections', '4', '--json', '-');
  t.equal(code, 0, stderr.slice(-200));
  const { proxies, marks } = JSON.parse(stdout);
  t.equal(proxies.length, 1);
  const [haproxy] = proxies;
  t.equal(haproxy.blocks.length, 2);
  t.equal(haproxy.singles.length, 2);
  t.ok(haproxy.summary.requestsPerSecond > 100, 'it answered');
  t.ok(haproxy.summary.requestsPerCpuSecond > haproxy.summary.requestsPerSecond * 0.9, 'on one CPU at most');
  t.equal(haproxy.summary.errors, 0);
  t.strictSame(marks, [], 'nothing is judged without Meshlane');
  t.match(stderr, /req\/CPU-s[\s\S]*haproxy 2\./, 'the table is there to read');
});

t.test('a call of gRPC and its trailers pass a plain Node proxy', await skipWithout('h2load'), async (t) => {
  const run = ['grpc', '--only', 'node', '--rounds', '1', '--seconds', '1', '--warmup', '0', '--no-pin'];
  const { code, stdout, stderr } = await bench(...run, '--connections', '2', '--streams', '4', '--json', '-');
  t.equal(code, 0, stderr.slice(-200));
  const [node] = JSON.parse(stdout).proxies;
  t.ok(node.summary.requestsPerCpuSecond > 100, 'it answered');
  t.equal(node.summary.errors, 0);
  t.equal(node.summary.p99Us, null, 'h2load does not tell');
});

t.test('a pair is measured as one', await skipWithout('haproxy', 'wrk'), async (t) => {
  const run = ['pair', '--only', 'haproxy', '--rounds', '1', '--seconds', '1', '--warmup', '0', '--no-pin'];
  const { code, stdout, stderr } = await bench(...run, '--connections', '4', '--json', '-');
  t.equal(code, 0, stderr.slice(-200));
  const [pair] = JSON.parse(stdout).proxies;
  t.ok(pair.summary.requestsPerSecond > 100, 'it answered');
  t.ok(pair.summary.requestsPerCpuSecond > 100, 'CPU time of both');
  t.equal(pair.summary.errors, 0);
});

t.test('what is not understood is refused with the fix, before anything starts', async (t) => {
  t.match(await bench(), {
    code: 2,
    stdout: /h1 [\s\S]*download [\s\S]*tls [\s\S]*h2 [\s\S]*grpc [\s\S]*pair [\s\S]*rss /,
  });
  t.match(await bench('--help'), { code: 0, stdout: /Usage: npm run bench -- NAME/ });
  t.match(await bench('h3'), { code: 2, stderr: /there is no "h3"/ });
  t.match(await bench('h1', '--help'), { code: 0, stdout: /Usage: npm run bench -- h1 \[flags\]/ });
  t.match(await bench('h1', '--rounds', '0'), {
    code: 2,
    stderr: /--rounds must be a whole number from 1 to 1000; got "0"/,
  });
  t.match(await bench('h1', '--only', 'apache'), { code: 2, stderr: /--only knows meshlane, haproxy, nginx, envoy/ });
  t.match(await bench('all', '--only', 'rss'), {
    code: 2,
    stderr: /--only knows h1, open, workers, download, tls, h2, grpc, pair/,
  });
  t.match(await bench('h2', '--only', 'nginx'), {
    code: 2,
    stderr: /--only knows meshlane, haproxy, nghttpx, envoy, node/,
  });
  t.match(await bench('open', '--seconds', '1'), { code: 2, stderr: /--seconds must be a whole number from 2/ });
  t.match(await bench('h1', '--fast'), { code: 2, stderr: /--fast.*See: npm run bench -- h1 --help/ });
});
