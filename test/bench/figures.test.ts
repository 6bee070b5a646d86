import { readFileSync } from 'node:fs';
import t from 'tap';
import { readProxy, readResource } from '../../shared/resources/read.ts';
import { barChart } from './bar-chart.ts';
import type { Block } from './block.ts';
import { chartsOf, doubts, formatSummaries, type Measured, ratiosOf, summarize } from './comparison-figures.ts';
import { type CpuProfile, selfTimes, threadOf } from './cpu-profile.ts';
import { median, ratioByRound, spread } from './figures.ts';
import { h1Marks } from './h1.ts';
import { parseH2load } from './h2load.ts';
import { errorCount, requestsPerSecond } from './load.ts';
import { formatMarks, judge } from './marks.ts';
import { benchDocuments } from './mesh-config.ts';
import { formatPerf, parsePerfScript } from './perf-breakdown.ts';
import {
  cpuSecondsOf,
  parseCpuList,
  parseCpuTimes,
  parseStat,
  parseStatusBytes,
  residentBytesOf,
  treeOf,
} from './proc.ts';
import { formatTable } from './table.ts';
import { fillTemplate } from './template.ts';
import { grpcTraffic, http1Traffic, http2Traffic, pairTraffic } from './traffic.ts';
import { parseWrk } from './wrk.ts';

t.test('the median is the middle value, or between the two middle ones, in numeric order', async (t) => {
  t.equal(median([9, 10, 100]), 10);
  t.equal(median([100, 9, 10, 20]), 15);
  t.equal(median([7]), 7);
  const values = [3, 1, 2];
  median(values);
  t.strictSame(values, [3, 1, 2], 'the rounds keep their order');
});

t.test('no median of nothing, and none of what is not a number', async (t) => {
  t.throws(() => median([]), RangeError);
  t.throws(() => median([1, Number.NaN]), /not a finite number/);
  t.throws(() => median([1, Number.POSITIVE_INFINITY]), /not a finite number/);
});

t.test('a ratio is taken round by round before the median', async (t) => {
  // The medians alone would say 20 / 20 = 1.
  t.strictSame(ratioByRound([10, 20, 60], [20, 10, 30]), { median: 2, min: 0.5, max: 2, values: [0.5, 2, 2] });
  t.throws(() => ratioByRound([1, 2], [1]), /do not pair up/);
  t.throws(() => ratioByRound([1], [0]), /cannot divide by 0/);
  t.throws(() => ratioByRound([1], [Number.NaN]), /cannot divide by NaN/);
  t.strictSame(spread([2, 1, 3]), { median: 2, min: 1, max: 3, values: [2, 1, 3] });
});

const wrkOutput = `Running 1s test @ http://127.0.0.1:8080/
  1 threads and 2 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   123.00us   45.00us   1.20ms   90.00%
  20000 requests in 1.00s, 22.05MB read
report {"requests":20000,"bytes":23120000,"durationUs":1000500,"meanUs":123.4,"p50Us":120,"p90Us":150,"p99Us":310,"p999Us":800,"maxUs":1200,"errors":{"connect":0,"read":1,"write":2,"status":3,"timeout":4}}
`;

t.test('wrk’s report line is read as a whole, errors of every kind included', async (t) => {
  const report = parseWrk(wrkOutput);
  t.match(report, { requests: 20000, meanUs: 123.4, p50Us: 120, p99Us: 310 });
  t.equal(errorCount(report), 10);
  t.equal(Math.round(requestsPerSecond(report)), 19990);
});

t.test('wrk output without a whole report is refused', async (t) => {
  t.throws(() => parseWrk('unable to connect to 127.0.0.1:1 Connection refused'), /printed no report/);
  t.throws(() => parseWrk(wrkOutput.replace('"p99Us":310,', '')), /lacks p99Us/);
  t.throws(() => parseWrk(wrkOutput.replace('"timeout":4', '"timeout":-4')), /lacks timeout/);
  t.throws(() => parseWrk(wrkOutput.replace('1000500', '0')), /no time at all/);
});

const h2loadOutput = `finished in 2.00s, 83248.00 req/s, 85.50MB/s
requests: 166496 total, 167008 started, 166496 done, 166496 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 166496 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 171.01MB (179316784) total, 5.56MB (5827360) headers (space savings 45.31%), 162.59MB (170491904) data
                     min         max         mean         sd        +/- sd
time for request:      194us     61.52ms      4.61ms      6.55ms    93.74%
time for connect:      111us       629us       368us       160us    62.50%
`;

t.test('what h2load prints is read, and quantiles are not made up', async (t) => {
  const report = parseH2load(h2loadOutput, 1024);
  t.strictSame(report, {
    requests: 166_496,
    bytes: 179_316_784,
    durationUs: 2e6,
    meanUs: 4610,
    p50Us: null,
    p99Us: null,
    errors: { status: 0, stream: 0, body: 0 },
  });
  t.equal(requestsPerSecond(report), 83_248);
  const units = h2loadOutput.replace('in 2.00s', 'in 950.50ms').replace('4.61ms      6', '812us      6');
  t.match(parseH2load(units, 1024), { durationUs: 950_500, meanUs: 812 });
});

t.test('a request that h2load saw reset, refused or without its body is an error', async (t) => {
  const counts =
    'requests: 18056 total, 18060 started, 18056 done, 9028 succeeded, 9028 failed, 4514 errored, 0 timeout';
  const failed = h2loadOutput.replace(/^requests: .*$/m, counts).replace('(170491904) data', '(45000) data');
  const report = parseH2load(failed, 5);
  t.match(report, { requests: 13_542, errors: { status: 4514, stream: 4514, body: 28 } });
  t.equal(errorCount(report), 9056);
  t.equal(parseH2load(failed, 0).errors['body'], 0, 'none has one');
});

t.test('h2load output that lacks a figure is refused', async (t) => {
  const lines = {
    requests: 'requests:',
    traffic: 'traffic:',
    duration: 'finished in',
    'time for request': 'time for request:',
  };
  for (const [what, begin] of Object.entries(lines))
    t.throws(() => parseH2load(h2loadOutput.replace(begin, ''), 1024), new RegExp(`printed no ${what}`));
});

t.test('/proc/PID/stat is read past names with spaces and brackets', async (t) => {
  const rest = 'S 41 42 42 0 -1 4194304 100 0 0 0 250 50 7 9 20 0 3 0 12345 1000000 2000';
  t.strictSame(parseStat(`42 (nginx) ${rest}`), { pid: 42, parent: 41, ticks: 300 });
  t.strictSame(
    parseStat(`42 (a) b (c) ${rest}`),
    { pid: 42, parent: 41, ticks: 300 },
    'children’s ticks are not taken',
  );
  t.throws(() => parseStat(''), /not a line of/);
  t.throws(() => parseStat('42 (nginx) S 41'), /not a line of/);
});

t.test('a tree is the process and all below it, in whatever order they are listed', async (t) => {
  const stat = (pid: number, parent: number) => ({ pid, parent, ticks: 1 });
  const all = [stat(3, 2), stat(2, 9), stat(9, 1), stat(5, 1), stat(1, 0)];
  t.strictSame(
    treeOf(9, all).map(({ pid }) => pid),
    [3, 2, 9],
  );
  t.strictSame(treeOf(77, all), []);
});

t.test('memory, CPU lists and CPU times of /proc are read, or refused', async (t) => {
  t.equal(parseStatusBytes('Name:\tx\nVmHWM:\t   20 kB\nVmRSS:\t   12 kB\n', 'VmRSS'), 12 * 1024);
  t.throws(() => parseStatusBytes('Name:\tkthreadd\n', 'VmRSS'), /no VmRSS/);
  t.strictSame(parseCpuList('0-2,5'), [0, 1, 2, 5]);
  t.throws(() => parseCpuList('none'), /not a list/);
  const text = 'cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 40 5 6 7 8 0 0\ncpu10 0 0 0 1 0 0 0 0 0 0\n';
  t.strictSame(parseCpuTimes(text, 0), { busy: 27, total: 72 });
  t.strictSame(parseCpuTimes(text, 10), { busy: 0, total: 1 });
  t.throws(() => parseCpuTimes(text, 1), /no line for CPU 1/);
});

t.test('CPU time and memory of a living process agree with what it says of itself', async (t) => {
  const until = performance.now() + 100;
  while (performance.now() < until);
  const { user, system } = process.cpuUsage();
  t.ok(Math.abs(cpuSecondsOf(process.pid) - (user + system) / 1e6) < 0.1, 'within 100 ms');
  const { now, peak } = residentBytesOf(process.pid);
  t.ok(now > 20e6 && peak >= now, `${now} now, ${peak} at its peak`);
  t.throws(() => cpuSecondsOf(2 ** 30), /has ended/);
});

function blockOf(requestsPerCpuSecond: number, p99Us: number, errors = 0): Block {
  const report = { ...parseWrk(wrkOutput), p99Us };
  const shares = { busyShare: 0.97, foreignShare: 0.01, loadCpuShare: 0.8 };
  return {
    requestsPerSecond: requestsPerCpuSecond * 0.97,
    requestsPerCpuSecond,
    bytesPerCpuSecond: requestsPerCpuSecond * 1100,
    originBusyShare: 0.3,
    cpuSeconds: 1,
    errors,
    report,
    ...shares,
  };
}

function measuredOf(name: string, blocks: Block[]): Measured {
  return { name, version: '1', blocks, singles: blocks, residentBytes: { now: 50e6, peak: 60e6 } };
}

t.test('marks are met at their bound, fall short beyond it, and say so in words', async (t) => {
  const haproxy = measuredOf('haproxy', [blockOf(100, 100)]);
  const envoy = measuredOf('envoy', [blockOf(33, 100)]);
  const verdicts = (...blocks: [Block, Block]) => {
    const ours = { ...measuredOf('meshlane', [blocks[0]]), singles: [blocks[1]] };
    return judge(h1Marks, [ours, haproxy, envoy]);
  };
  const single = (p50Us: number) => ({ ...blockOf(1, 1), report: { ...blockOf(1, 1).report, p50Us } });
  const bound = haproxy.singles[0]!.report.p50Us! * 1.05;
  t.strictSame(
    verdicts(blockOf(100, 130), single(bound)).map(({ isMet }) => isMet),
    [true, true, true, true, true],
  );
  const below = verdicts(blockOf(98, 131, 1), single(bound + 1));
  t.strictSame(
    below.map(({ isMet }) => isMet),
    [false, false, false, false, false],
  );
  t.match(formatMarks(below), /^falls short at least 1\.00x HAProxy in requests per CPU-second: 0\.98x \(rounds/);
});

t.test('a mark without its peer is not judged, and without Meshlane there are none', async (t) => {
  const marks = judge(h1Marks, [measuredOf('meshlane', [blockOf(85, 150)])]);
  t.strictSame(
    marks.map(({ isMet }) => isMet),
    [null, null, null, null, true],
  );
  t.match(formatMarks(marks), /not judged\s+at least 3\.00x Envoy.*envoy was not measured/);
  t.strictSame(judge(h1Marks, [measuredOf('haproxy', [blockOf(85, 150)])]), []);
});

t.test('the picture has a bar for each figure, and what cannot be measured has none', async (t) => {
  const blocks = [blockOf(90, 100)];
  const proxies = [measuredOf('meshlane', blocks), { ...measuredOf('a<b', blocks), singles: [] }];
  const svg = barChart('one & all; of 2 rounds', chartsOf(proxies));
  t.equal(svg.match(/<rect [^>]*fill="#1f6feb"/g)?.length, 4, 'meshlane in four charts');
  t.equal(svg.match(/<rect [^>]*fill="#9aa4b2"/g)?.length, 3, 'the other had no single connection');
  t.match(svg, /one &amp; all<[\s\S]*>of 2 rounds<[\s\S]*a&lt;b/);
  t.notMatch(svg, /NaN|Infinity|undefined/);
});

t.test('summaries, ratios and doubts come from every round', async (t) => {
  const ours = measuredOf('meshlane', [blockOf(90, 100), blockOf(100, 200, 2), blockOf(80, 300)]);
  const peer = measuredOf('haproxy', [blockOf(90, 100), blockOf(50, 100), blockOf(80, 100)]);
  t.match(summarize(ours), { requestsPerCpuSecond: 90, p99Us: 200, errors: 4, residentBytes: 50e6 });
  t.match(ratiosOf(ours, peer), { requestsPerCpuSecond: { median: 1, max: 2 }, p99: { median: 2 }, resident: 1 });
  t.strictSame(doubts([ours]), []);
  const disturbed = { ...blockOf(90, 100), foreignShare: 0.2, busyShare: 0.5 };
  t.match(doubts([measuredOf('envoy', [disturbed])]), [/took 20% of the proxy’s CPU/, /on a CPU only 50%/]);
  const origin = {
    ...blockOf(1, 1),
    requestsPerCpuSecond: null,
    bytesPerCpuSecond: null,
    busyShare: null,
    foreignShare: null,
  };
  const direct = { name: 'no proxy', version: '', blocks: [origin], singles: [origin], residentBytes: null };
  t.match(formatSummaries([direct]), /no proxy +\d+ +- +- +- /);
  t.equal(ratiosOf(ours, direct), null);
});

t.test('where the load tells no quantiles, there are none in summaries and ratios', async (t) => {
  const report = { ...blockOf(1, 1).report, p50Us: null, p99Us: null };
  const measured = { ...measuredOf('meshlane', [{ ...blockOf(90, 100), report }]), singles: [] };
  t.match(summarize(measured), { meanUs: 123.4, p50Us: null, p99Us: null });
  t.match(ratiosOf(measured, measured), { mean: { median: 1 }, p50: null, p99: null, singleP50: null });
  t.match(formatSummaries([measured]), / 97% +80% +30% +123 +- +- /);
});

t.test('tables align names to the left and figures to the right', async (t) => {
  t.equal(formatTable(['', 'req/s'], [['a', '1'], ['long', '12345']]), '      req/s\na         1\nlong  12345'); // biome-ignore format: as it looks
});

t.test('a template has a value for each place and a place for each value', async (t) => {
  t.equal(fillTemplate('{{a}}:{{b}}:{{a}}', { a: 1, b: '{{a}}' }), '1:{{a}}:1');
  t.throws(() => fillTemplate('{{a}} {{b}}', { a: 1 }), /wants "b"/);
  t.throws(() => fillTemplate('{{toString}}', {}), /wants "toString"/);
  t.throws(() => fillTemplate('{{a}}', { a: 1, b: 2 }), /no place for b/);
});

t.test('self time is what passes from a sample to the next, within the window and without idling', async (t) => {
  const node = (id: number, functionName: string, url = '') => ({
    id,
    callFrame: { functionName, url, lineNumber: 4 },
  });
  const profile: CpuProfile = {
    nodes: [node(1, '(idle)'), node(2, 'parse', 'file:///a.ts'), node(3, 'parse', 'file:///a.ts'), node(4, '')],
    startTime: 1000,
    samples: [2, 1, 3, 4, 2],
    timeDeltas: [10, 100, 200, 400, 800],
  };
  const whole = selfTimes(profile, 0, 1e9);
  t.match(whole, { idleUs: 200, busyUs: 1300 });
  t.strictSame(whole.functions, [
    { name: '(anonymous)', place: '', selfUs: 800 },
    { name: 'parse', place: 'file:///a.ts:5', selfUs: 500 },
  ]);
  t.match(selfTimes(profile, 1300, 1311), { idleUs: 0, busyUs: 400 }, 'only the sample at 1310');
  t.throws(() => selfTimes({ ...profile, timeDeltas: [1] }, 0, 1), /differ in length/);
  t.throws(() => selfTimes({ ...profile, samples: [9, 9, 9, 9, 9] }, 0, 1e9), /node 9/);
  t.equal(threadOf('CPU.20261121.064734.7837.1.002.cpuprofile'), 1);
  t.equal(threadOf('notes.txt'), null);
});

t.test('samples of perf are sorted by what ran: kernel, JavaScript, V8, C++', async (t) => {
  const breakdown = parsePerfScript(
    [
      'node-MainThread 13338      7f5cdcd5c84c __vdso_gettimeofday ([vdso])',
      '         worker-0 13340  ffffffff8a1b2c3d tcp_sendmsg_locked ([kernel.kallsyms])',
      '         worker-0 13340  ffffffff8a1b2c3e tcp_sendmsg_locked ([kernel.kallsyms])',
      '         worker-0 13340  ffffffffc01b2c3d nf_hook ([nf_tables])',
      '         worker-0 13340           10833cd Builtins_LoadIC (/opt/node/bin/node)',
      '         worker-0 13340           108fe5b v8::internal::Scavenger<unsigned char>::Run (/opt/node/bin/node)',
      '         worker-0 13340      7f00aa10100c [unknown] ([JIT] tid 13338)',
      '         worker-0 13340      7f00aa10100c [unknown] (//anon)',
      '         worker-0 13340      7f00aa10100c __memmove_avx (/usr/lib/x86_64-linux-gnu/libc.so.6)',
      'a line of something else',
    ].join('\n'),
  );
  t.equal(breakdown.samples, 9);
  t.strictSame(Object.values(breakdown.byKind), [3, 2, 1, 1, 2]);
  t.strictSame(breakdown.symbols[0], { kind: 'kernel', name: 'tcp_sendmsg_locked', samples: 2 });
  t.match(formatPerf(breakdown, 9), /kernel +33\.3% +3\.00/);
});

t.test('the bench’s mesh is sound: 20 services, 20 routes, and every document is accepted', async (t) => {
  for (const hop of [http1Traffic, http2Traffic, grpcTraffic, pairTraffic].flatMap(({ hops }) => hops)) {
    const documents = benchDocuments({ outbound: 1, admin: 2, origin: 3, spans: 4 }, { hop });
    for (const document of documents) {
      const read = document.kind === 'Proxy' ? readProxy(document) : readResource(document);
      t.ok(read.ok, `${document.kind} ${document.name}: ${read.ok ? 'accepted' : JSON.stringify(read.issues)}`);
    }
    for (const kind of ['Service', 'Route']) t.equal(documents.filter((document) => document.kind === kind).length, 20);
  }
});

t.test('every peer template keeps to one worker and to the places it is given', async (t) => {
  const read = (name: string) => readFileSync(`${import.meta.dirname}/peers/${name}`, 'utf8');
  t.match(read('haproxy.cfg'), /nbthread 1/);
  t.match(read('origin.cfg'), /nbthread 1/);
  t.match(read('nginx.conf'), /master_process off/);
  t.match(read('nghttpx.conf'), /single-process=yes\nworkers=1/);
  for (const name of ['haproxy.cfg', 'nginx.conf', 'nghttpx.conf', 'envoy.yaml', 'origin.cfg'])
    t.match(read(name), /\{\{port\}\}/, name);
});
