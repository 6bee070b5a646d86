import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { freePort } from '../harness/free-port.ts';
import { type Jaeger, startJaeger } from '../harness/jaeger/jaeger.ts';
import { skipWithout } from '../harness/peers.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { type Answer, Caller, type Question } from './caller.ts';
import { acquaint, startApp, startCollector, startPlane, startSidecar } from './mesh.ts';

const services = ['a', 'b', 'c'];

/** What both the collector and Jaeger tell of a span. */
type Span = { spanId: string; parentSpanId: string; service: string; kind: string; name: string };

async function startMesh(t: Test) {
  const jaeger = await startJaeger(t);
  const collector = await startCollector(t, `http://${jaeger.otlpHttp}`);
  const plane = await startPlane(t, 'sqlite::memory:');
  const state = tempFolder(t);
  const sidecars = await Promise.all(
    services.map(async (service) => {
      const outbound = `127.0.0.1:${await freePort()}`;
      const app = await startApp(t, service, { mesh: outbound });
      const more = ['--otlp', `http://${collector.otlpHttp}`, '--sample', '1'];
      return startSidecar(t, { push: plane.push, state, name: service, service, app, outbound, more });
    }),
  );
  for (const sidecar of sidecars) for (const service of services) await acquaint(sidecar, service, 1);

  /** Asks on a connection of its own. */
  const ask = async (port: number, question: Question): Promise<Answer> => {
    const caller = new Caller(port);
    const answer = await caller.ask(question);
    caller.close();
    return answer;
  };
  /** The trace as the collector has it, as soon as it has so many spans. */
  const collected = (traceId: string, count: number): Promise<Span[]> =>
    until(
      async () => {
        const { spans } = (await (await fetch(`http://${collector.traces}/api/traces/${traceId}`)).json()) as {
          spans?: Span[];
        };
        return spans && spans.length >= count ? spans : null;
      },
      { what: `a trace of ${count} spans at the collector` },
    );
  return { jaeger, front: sidecars[0]!, traces: collector.traces, ask, collected };
}

async function fromJaeger(jaeger: Jaeger, traceId: string, count: number): Promise<Span[]> {
  const { spans, processes } = await jaeger.trace(traceId, count);
  return spans.map(({ spanID, operationName, processID, references, tags }) => ({
    spanId: spanID,
    parentSpanId: references.find(({ refType }) => refType === 'CHILD_OF')?.spanID ?? '',
    service: processes[processID]!.serviceName,
    kind: String(tags.find(({ key }) => key === 'span.kind')?.value),
    name: operationName,
  }));
}

/** One line for each span: the parent, and the span itself. */
function hopsOf(spans: readonly Span[]): string[] {
  const sayOf = ({ service, kind, name }: Span) => `${service} ${kind} ${name}`;
  const say = new Map(spans.map((span) => [span.spanId, sayOf(span)]));
  return spans.map((span) => `${say.get(span.parentSpanId) ?? (span.parentSpanId || 'none')} > ${sayOf(span)}`).sort();
}

const byId = (spans: readonly Span[]) =>
  spans
    .map(({ spanId, parentSpanId, service, kind, name }) => ({ spanId, parentSpanId, service, kind, name }))
    .sort((one, other) => (one.spanId < other.spanId ? -1 : 1));

/** The five spans of a request that goes through a and b to c, below `root`. */
const hopsBelow = (root: string) =>
  [
    `${root} > a server GET a`,
    'a server GET a > a client GET b',
    'a client GET b > b server GET b',
    'b server GET b > b client GET c',
    'b client GET c > c server GET c',
  ].sort();

t.test('a trace has the spans of every hop, here and in Jaeger', await skipWithout('jaeger'), async (t) => {
  const { jaeger, front, traces, ask, collected } = await startMesh(t);
  const through = { host: 'a', headers: { 'x-then': 'b,c' } };
  const checkTrace = async (t: Test, traceId: string, hops: readonly string[]) => {
    const spans = await collected(traceId, hops.length);
    t.strictSame(hopsOf(spans), hops);
    t.strictSame(byId(await fromJaeger(jaeger, traceId, hops.length)), byId(spans), 'Jaeger has the same');
  };

  await t.test('a request that brings no trace begins one at the first sidecar', async (t) => {
    const { status, body, head } = await ask(front.inbound, through);
    t.equal(status, 200);
    t.equal(body, 'a b c');
    const traceId = /^x-saw-trace: 00-([0-9a-f]{32})-[0-9a-f]{16}-01\r$/m.exec(head)![1]!;
    await checkTrace(t, traceId, hopsBelow('none'));
  });

  await t.test('the trace of a caller is carried on, whichever headers it speaks', async (t) => {
    const [traceId, shortId, multiId] = [16, 8, 16].map((bytes) => randomBytes(bytes).toString('hex'));
    const spanId = '00f067aa0ba902b7';
    const multi = { 'x-b3-traceid': multiId!, 'x-b3-spanid': spanId, 'x-b3-sampled': '1' };
    const cases = [
      { id: traceId!, headers: { traceparent: `00-${traceId}-${spanId}-01` } },
      { id: shortId!.padStart(32, '0'), headers: { b3: `${shortId}-${spanId}-1` } },
      { id: multiId!, headers: multi },
    ];
    for (const { id, headers } of cases) {
      const { status } = await ask(front.inbound, { ...through, headers: { ...through.headers, ...headers } });
      t.equal(status, 200);
      await checkTrace(t, id, hopsBelow(spanId));
    }
  });

  await t.test('each try of a request is a CLIENT span of the same parent', async (t) => {
    const [traceId, spanId] = [16, 8].map((bytes) => randomBytes(bytes).toString('hex'));
    const headers = { traceparent: `00-${traceId}-${spanId}-01`, 'x-fails-once': '1' };
    const { status } = await ask(front.outbound, { host: 'c', headers });
    t.equal(status, 200);
    const hops = ['a client GET c > c server GET c', `${spanId} > a client GET c`].flatMap((hop) => [hop, hop]).sort();
    await checkTrace(t, traceId!, hops);
    const spans = await collected(traceId!, 4);
    const tries = spans.filter(({ kind }) => kind === 'client').map((span) => span.spanId);
    const served = spans.filter(({ kind }) => kind === 'server').map((span) => span.parentSpanId);
    t.strictSame(served.sort(), tries.sort(), 'and each has the SERVER span it led to');
  });

  await t.test('a trace that its caller does not keep leaves no span', async (t) => {
    const [unkept, kept] = [16, 16].map((bytes) => randomBytes(bytes).toString('hex'));
    for (const [id, flags] of [
      [unkept, '00'],
      [kept, '01'],
    ] as const) {
      const headers = { ...through.headers, traceparent: `00-${id}-00f067aa0ba902b7-${flags}` };
      t.equal((await ask(front.inbound, { ...through, headers })).status, 200);
    }
    // A sidecar sends its spans in order, so those of the first request would be here by now.
    await collected(kept!, 5);
    t.equal((await fetch(`http://${traces}/api/traces/${unkept}`)).status, 404);
  });
});
