import t from 'tap';
import { frameOrigin, type OriginStream } from '../../harness/http2/frame-origin.ts';
import { dataFrame, headersFrames } from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import { until } from '../../harness/until.ts';
import { ask, get, rawClient } from '../harness/raw-client.ts';
import { policy, serviceAt } from '../harness/resources.ts';
import { reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { speaking } from './calling.ts';

/** Heads of replies over HTTP/2 without the frames that usually follow them, on their way to callers of HTTP/1.1. */

const head = ({ stream, header }: OriginStream) =>
  headersFrames(
    stream,
    headerBlock([
      [':status', '200'],
      ['x-path', header(':path')!],
    ]),
  );
const data = ({ stream }: OriginStream, text: string, endStream = false) =>
  dataFrame(stream, Buffer.from(text), { endStream });

t.test('a head reaches its caller before there is a body, and nobody else', async (t) => {
  const origin = await frameOrigin(t, head);
  const other = await scriptedOrigin(t, () => reply('other'));
  const proxy = await staticProxy(t, {
    resources: [...speaking('http2', origin.port), ...serviceAt('other', other.port)],
  });
  const caller = await rawClient(t, proxy.port);
  caller.send(get('/mine'));
  await caller.until((received) => received.includes('x-path: /mine'), 'the head');
  t.equal((await ask(t, proxy.port, get('/', 'other'))).body.toString(), 'other');
  t.notMatch(other.connections[0]!.received, /mine/);
});

t.test('each caller has its own reply, however the frames of several are mixed in one read', async (t) => {
  const waiting: OriginStream[] = [];
  const origin = await frameOrigin(t, (request) => {
    waiting.push(request);
    return undefined;
  });
  const resources = [...speaking('http2', origin.port), policy('app', { connections: { max: 1 } })];
  const proxy = await staticProxy(t, { resources });
  const paths = ['/0', '/1', '/2'];
  const callers = await Promise.all(paths.map(() => rawClient(t, proxy.port)));
  for (const [i, path] of paths.entries()) {
    callers[i]!.send(get(path));
    await until(() => waiting.length > i, { what: `request ${i}` });
  }
  const [a, b, c] = waiting as [OriginStream, OriginStream, OriginStream];
  const frames = [head(a), head(b), data(b, 'b'), head(c), data(c, ''), data(a, 'a'), data(c, 'c', true)];
  a.connection.send(Buffer.concat([...frames, data(b, 'b', true), data(a, 'a', true)]));
  for (const [i, caller] of callers.entries()) {
    const { header, body } = await caller.reply();
    t.equal(header('x-path'), paths[i]);
    t.equal(body.toString(), ['aa', 'bb', 'c'][i]);
  }
});

t.test('a head whose body is wrong does not get to who is answered next', async (t) => {
  const waiting: OriginStream[] = [];
  const origin = await frameOrigin(t, (request) => {
    waiting.push(request);
    return undefined;
  });
  const sections = { connections: { max: 1, streams: 1 }, retry: { attempts: 0 } };
  const proxy = await staticProxy(t, { resources: [...speaking('http2', origin.port), policy('app', sections)] });
  const [first, second] = await Promise.all([rawClient(t, proxy.port), rawClient(t, proxy.port)]);
  first.send(get('/first'));
  await until(() => waiting.length === 1, { what: 'the request' });
  second.send(get('/second', 'app', 'Connection: Upgrade\r\nUpgrade: other\r\n'));
  const underWay = async () => (await proxy.metric('meshlane_requests_in_flight')) === 2;
  await until(underWay, { what: 'the request that waits for its place' });
  const { stream, connection } = waiting[0]!;
  const short = headersFrames(
    stream,
    headerBlock([
      [':status', '200'],
      ['x-mine', '1'],
      ['content-length', '1'],
    ]),
  );
  connection.send(Buffer.concat([short, data(waiting[0]!, 'long')]));
  const got = await second.reply();
  t.equal(got.status, 501);
  t.equal(got.header('x-mine'), undefined);
});
