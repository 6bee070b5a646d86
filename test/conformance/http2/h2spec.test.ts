import t from 'tap';
import { makeCertificate } from '../../harness/certificate.ts';
import { skipWithout } from '../../harness/peers.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { chapterRows, failuresOf, readReport, runH2spec } from './h2spec.ts';
import { startOurs } from './subject.ts';

const mostCases = 146;

for (const isTls of [false, true])
  t.test(
    `every case of h2spec passes, twice in a row, ${isTls ? 'over TLS' : 'in clear text'}`,
    await skipWithout('h2spec'),
    async (t) => {
      // In clear text a listener that finds out takes an invalid preface for HTTP/1.1, and answers it so.
      const how = isTls ? { tls: await makeCertificate(tempFolder(t)) } : { protocol: 'http2' as const };
      const { lanes } = await startOurs(t, { laneCount: 1, ...how });
      for (const run of ['first', 'second']) {
        const cases = await runH2spec(t, lanes[0]!.port, { isTls });
        t.strictSame(failuresOf(cases), [], `${run} run`);
        t.equal(cases.length, mostCases);
      }
    },
  );

t.test('a report of h2spec is read case by case and summed by chapter', async (t) => {
  const cases = readReport(`<testsuites>
  <testsuite name="6.9.1. The Flow-Control Window" package="http2/6.9.1" tests="2">
    <testcase package="http2/6.9.1" classname="Sends &#34;this&#34; &amp; that" time="0.1"></testcase>
    <testcase package="http2/6.9.1" classname="Second" time="0.1">
      <failure>GOAWAY Frame (Error Code: PROTOCOL_ERROR)</failure>
    </testcase>
  </testsuite>
  <testsuite name="6.1. DATA" package="http2/6.1" tests="1">
    <testcase package="http2/6.1" classname="Third" time="0.1"><error>timeout</error></testcase>
    <testcase package="hpack/6.1" classname="Fourth" time="0.1"><skipped></skipped></testcase>
  </testsuite></testsuites>`);
  t.strictSame(
    cases.map(({ title, verdict }) => [title, verdict]),
    [
      ['Sends "this" & that', 'pass'],
      ['Second', 'fail'],
      ['Third', 'fail'],
      ['Fourth', 'skip'],
    ],
  );
  t.strictSame(failuresOf(cases), ['http2/6.9.1: Second', 'http2/6.1: Third', 'hpack/6.1: Fourth']);
  t.strictSame(chapterRows([{ name: 'a', cases }]), [
    ['http2 6', '1 of 3'],
    ['hpack 6', '0 of 1'],
    ['all', '1 of 4'],
  ]);
});
