import { createHash } from 'node:crypto';
import { connect } from 'node:http2';
import t from 'tap';
import { startCollector } from '../../../observability/collector/collector.ts';
import { Intake, MalformedTraces } from '../../../observability/collector/intake.ts';
import { encodeTraces } from '../../../observability/collector/otlp.ts';
import { TraceStore } from '../../../observability/collector/trace-store.ts';
import { viewTrace } from '../../../observability/collector/trace-view.ts';
import { grpc } from '../../../shared/grpc/grpc.ts';
import { getTraces, sendSpans, tracesOf, urlOf } from './spans.ts';

const sample = encodeTraces(tracesOf('cart', { attributes: { a: 'x', b: 'y' }, isError: true }, {}));

/** Repeatable bytes that look random. */
function* noise(seed: string): Generator<number> {
  for (let block = 0; ; block++) yield* createHash('sha256').update(`${seed}${block}`).digest();
}

/** Takes the bytes or refuses them as malformed; anything else is a fault of ours. */
function receive(body: Buffer, way: 'grpc' | 'http-json' = 'grpc'): 'taken' | 'malformed' {
  const store = new TraceStore();
  try {
    new Intake(store, null).receive(body, way);
  } catch (error) {
    if (error instanceof MalformedTraces) return 'malformed';
    throw error;
  }
  for (const trace of store.traces()) JSON.stringify(viewTrace(trace));
  return 'taken';
}

t.test('survives a protobuf request that is cut at any byte', async (t) => {
  const outcomes = { taken: 0, malformed: 0 };
  for (let end = 0; end <= sample.length; end++) outcomes[receive(sample.subarray(0, end))]++;
  t.equal(outcomes.taken, 2, 'only nothing and the whole are requests');
});

t.test('survives any byte of a protobuf request being another', async (t) => {
  const random = noise('flip');
  for (let at = 0; at < sample.length; at++) {
    for (const value of [0, 0x7f, 0x80, 0xff, random.next().value as number]) {
      const bent = Buffer.from(sample);
      bent[at] = value;
      receive(bent);
    }
  }
  t.pass('nothing but "taken" and "malformed" came of it');
});

t.test('survives noise', async (t) => {
  const random = noise('noise');
  for (let i = 0; i < 3000; i++)
    receive(Buffer.from(Array.from({ length: i % 97 }, () => random.next().value as number)));
  t.pass('nothing but "taken" and "malformed" came of it');
});

t.test('refuses lengths that go beyond the request, up to the largest there is', async (t) => {
  for (const length of [
    '7f',
    'ffff03',
    'ffffffff07',
    'ffffffff0f',
    'ffffffffffffffff7f',
    'ffffffffffffffffff01',
    'ffffffffffffffffffffff',
  ])
    t.equal(receive(Buffer.from(`0a${length}00`, 'hex')), 'malformed', length);
});

t.test('refuses attributes that nest without end', async (t) => {
  let value: Buffer = Buffer.from('0a0178', 'hex');
  for (let depth = 0; depth < 5_000; depth++) value = field(5, field(1, value));
  const attribute = field(1, Buffer.concat([field(1, Buffer.from('k')), field(2, value)]));
  t.equal(receive(field(1, field(1, attribute))), 'malformed');
  const deep = `${'{"arrayValue":{"values":['.repeat(5_000)}{"intValue":"1"}${']}}'.repeat(5_000)}`;
  const json = `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":${deep}}]}}]}`;
  t.equal(receive(Buffer.from(json), 'http-json'), 'malformed');
  t.equal(receive(Buffer.from('['.repeat(1_000_000)), 'http-json'), 'malformed');
});

function field(number: number, content: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = content.length; ; rest >>>= 7) {
    if (rest < 128) {
      length.push(rest);
      break;
    }
    length.push((rest & 127) | 128);
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), content]);
}

t.test('refuses JSON of any other shape with a pointer to the fault', async (t) => {
  const shapes = [
    'null',
    '7',
    '"x"',
    '[]',
    '{"resourceSpans":{}}',
    '{"resourceSpans":[null]}',
    '{"resourceSpans":[{"scopeSpans":[[]]}]}',
  ];
  for (const shape of shapes) t.equal(receive(Buffer.from(shape), 'http-json'), 'malformed', shape);
  const span = (fields: string) => Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[{${fields}}]}]}]}`);
  for (const fields of [
    '"kind":"odd"',
    '"kind":-1',
    '"kind":1.5',
    '"flags":4294967296',
    '"endTimeUnixNano":"18446744073709551616"',
    '"endTimeUnixNano":1.5',
    '"status":[]',
    '"attributes":[{"key":1}]',
    '"attributes":[{"value":{"intValue":"9223372036854775808"}}]',
    '"attributes":[{"value":{"doubleValue":"x"}}]',
    '"attributes":[{"value":{"boolValue":1}}]',
  ])
    t.equal(receive(span(fields), 'http-json'), 'malformed', fields);
  for (const fields of [
    '"kind":"SPAN_KIND_CLIENT"',
    '"kind":99',
    '"unknown":{"deep":[1]}',
    '"name":null',
    '"__proto__":{"name":1}',
    '"attributes":[{"value":{"doubleValue":"NaN"}}]',
  ])
    t.equal(receive(span(fields), 'http-json'), 'taken', fields);
});

t.test(
  'answers malformed gRPC messages with INVALID_ARGUMENT, a bomb with RESOURCE_EXHAUSTED, and goes on',
  async (t) => {
    const collector = await startCollector();
    t.teardown(collector.close);
    const send = (body: Buffer, compression = 0) =>
      new Promise<grpc.status>((resolve) => {
        const raw = (bytes: Buffer) => bytes;
        const client = new grpc.Client(`127.0.0.1:${collector.otlpGrpc.port}`, grpc.credentials.createInsecure(), {
          'grpc.default_compression_algorithm': compression,
          'grpc.max_send_message_length': -1,
        });
        const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
        client.makeUnaryRequest(path, raw, raw, body, (error) => {
          client.close();
          resolve(error?.code ?? grpc.status.OK);
        });
      });
    t.equal(await send(sample.subarray(0, -1)), grpc.status.INVALID_ARGUMENT);
    t.equal(await send(Buffer.alloc(17 * 1024 * 1024)), grpc.status.RESOURCE_EXHAUSTED);
    t.equal(
      await send(Buffer.alloc(100 * 1024 * 1024), 2),
      grpc.status.RESOURCE_EXHAUSTED,
      'gzip of 100 MiB of nothing',
    );
    t.equal(await send(sample), grpc.status.OK);
    t.equal((await getTraces(collector)).length, 2);
  },
);

t.test('goes on when clients leave in the middle', async (t) => {
  const collector = await startCollector();
  t.teardown(collector.close);
  for (let i = 0; i < 20; i++) {
    const session = connect(urlOf(collector.otlpGrpc)).on('error', () => undefined);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      'content-type': 'application/grpc',
    });
    stream.on('error', () => undefined).write(Buffer.of(0, 0, 0, 1, 0, 10));
    await new Promise<void>((resolve) => {
      session.once('connect', () => setImmediate(() => resolve(session.destroy())));
    });
  }
  await sendSpans(collector, 'cart', {});
  t.equal((await getTraces(collector)).length, 1);
});
