import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import fc from 'fast-check';
import t from 'tap';
import { mostHelloBytes, readServerName } from '../../../dataplane/listener/client-hello.ts';
import type { Owner } from '../../harness/owner.ts';
import { holdsFor } from '../../harness/property.ts';
import { runCommand } from '../../harness/run-command.ts';
import { clientHello, type Hello, inRecords, record, serverNameExtension } from './hello-bytes.ts';

/** Who a ClientHello says it wants to reach (RFC 8446 §4.1.2, RFC 6066 §3). */

/** What a caller sends first. */
async function firstBytesOf(t: Owner, call: (port: number) => void): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => void server.close());
  await once(server, 'listening');
  const connected = once(server, 'connection');
  call((server.address() as AddressInfo).port);
  const [socket] = (await connected) as [import('node:net').Socket];
  socket.on('error', () => undefined); // the caller is cut off
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return bytes;
}

function nodeHello(t: Owner, options: ConnectionOptions): Promise<Buffer> {
  return firstBytesOf(t, (port) => {
    const socket = connect({ port, host: '127.0.0.1', ...options });
    socket.on('error', () => undefined); // the server cuts it off
    t.teardown(() => socket.destroy());
  });
}

t.test('the name in what Node and OpenSSL send is found, whatever else they offer', async (t) => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const versions = { minVersion: version, maxVersion: version };
    t.equal(readServerName(await nodeHello(t, { servername: 'Shop.Example', ...versions })), 'shop.example');
    t.equal(readServerName(await nodeHello(t, versions)), null, 'none is sent');
    const many = { servername: 'a.b-c.d_e', ALPNProtocols: ['h2', 'http/1.1', 'x'.repeat(200)], ...versions };
    t.equal(readServerName(await nodeHello(t, many)), 'a.b-c.d_e');
  }
  for (const flag of ['-tls1_2', '-tls1_3']) {
    const args = (port: number) => ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'one.test', flag];
    const bytes = await firstBytesOf(t, (port) => void runCommand('openssl', args(port), { timeoutMs: 10_000 }));
    t.equal(readServerName(bytes), 'one.test');
  }
});

const name = fc
  .array(fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/), { minLength: 1, maxLength: 5 })
  .map((labels) => labels.join('.'))
  .filter((text) => !/^[0-9]+(\.[0-9]+){3}$/.test(text));
const bytes = (most: number) => fc.uint8Array({ maxLength: most }).map((array) => Buffer.from(array));
const otherExtension = fc.tuple(fc.integer({ min: 1, max: 65_535 }), bytes(60)).map(([type, data]) => ({ type, data }));
const hello: fc.Arbitrary<Hello & { name: string }> = fc.record({
  name,
  session: bytes(32),
  suites: fc.integer({ min: 1, max: 40 }),
  before: fc.array(otherExtension, { maxLength: 5 }),
  after: fc.array(otherExtension, { maxLength: 5 }),
});
const show = (value: unknown) => JSON.stringify(value);
const messageOf = (one: Hello & { name: string }) =>
  clientHello({ ...one, before: [...(one.before ?? []), serverNameExtension(one.name)] });

t.test('a name is found in every ClientHello that is right, however it is cut into records', async (t) => {
  const cuts = fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 20 });
  holdsFor(t, fc.tuple(hello, cuts, bytes(50)), { runs: 500, show }, ([one, sizes, rest]) => {
    const wire = Buffer.concat([inRecords(messageOf(one), sizes), rest]);
    const found = readServerName(wire);
    if (found !== one.name.toLowerCase()) throw new Error(`found ${found}`);
  });
});

t.test('until the last byte is there, more is asked for, and never anything else said', async (t) => {
  holdsFor(t, fc.tuple(hello, fc.integer({ min: 1, max: 80 })), { runs: 60, show }, ([one, size]) => {
    const wire = inRecords(messageOf(one), new Array<number>(100).fill(size));
    for (let end = 0; end < wire.length; end++) {
      const found = readServerName(wire.subarray(0, end));
      if (found !== undefined) throw new Error(`${found} after ${end} of ${wire.length}`);
    }
  });
});

t.test('what is changed anywhere is read to an end without a throw, and cut or whole alike', async (t) => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 });
  holdsFor(t, fc.tuple(hello, changes), { runs: 3000, show }, ([one, places]) => {
    const wire = inRecords(messageOf(one), [40, 40]);
    for (const [place, value] of places) wire[place % wire.length] = value;
    const whole = readServerName(wire);
    for (let end = 1; end < wire.length; end += 7) {
      const early = readServerName(wire.subarray(0, end));
      if (early !== undefined && early !== whole) throw new Error(`${early} after ${end}, then ${whole}`);
    }
    if (typeof whole === 'string' && !/^[a-z0-9_.-]+$/.test(whole)) throw new Error(`found ${whole}`);
  });
});

t.test('bytes of any kind are read to an end without a throw', async (t) => {
  const beginning = Buffer.from('160301', 'hex');
  holdsFor(t, bytes(300), { runs: 5000, show }, (random) => {
    readServerName(random);
    readServerName(Buffer.concat([beginning, random]));
    readServerName(record(Buffer.concat([Buffer.from([1]), random])));
  });
});

t.test('a ClientHello that is not as it must be names nobody', async (t) => {
  const good = { session: Buffer.alloc(0), suites: 1, before: [serverNameExtension('a.test')], after: [] };
  const namedBy = (change: object) => readServerName(record(clientHello({ ...good, ...change })));
  t.equal(namedBy({}), 'a.test');
  const one = serverNameExtension('a.test');
  const withData = (hex: string) => ({ before: [{ type: 0, data: Buffer.from(hex, 'hex') }] });
  for (const [what, change] of Object.entries({
    'no extension': { before: [] },
    'no extensions at all': { before: null },
    'the extension twice': { before: [one, one] },
    'a session id of 33 bytes': { session: Buffer.alloc(33) },
    'no cipher suite': { suites: 0 },
    'half a cipher suite': { suiteBytes: 3 },
    'no compression method': { compressions: 0 },
    'bytes behind the extensions': { trailing: Buffer.from('00', 'hex') },
    'an extension that is cut short': { before: [one], after: [], cutExtensions: 1 },
    'an empty list': withData('0000'),
    'no list': withData(''),
    'a list that is shorter than its bytes': withData('0004 00 0001 61 62'.replaceAll(' ', '')),
    'a list that is longer than its bytes': withData('0009 00 0001 61'.replaceAll(' ', '')),
    'two names': withData('0008 00 0001 61 00 0001 62'.replaceAll(' ', '')),
    'a name of another type': withData('0004 01 0001 61'.replaceAll(' ', '')),
    'an empty name': withData('0003 00 0000'.replaceAll(' ', '')),
    'an address': { before: [serverNameExtension('127.0.0.1')] },
    'an address of IPv6': { before: [serverNameExtension('::1')] },
    'a dot at the end': { before: [serverNameExtension('a.test.')] },
    'a dot at the start': { before: [serverNameExtension('.a.test')] },
    'a zero byte': { before: [serverNameExtension('a\0b')] },
    'letters of other scripts': { before: [serverNameExtension('bücher')] },
    'a label of 64 bytes': { before: [serverNameExtension('a'.repeat(64))] },
    'a name of 254 bytes': { before: [serverNameExtension(`${'a.'.repeat(126)}ab`)] },
  }))
    t.equal(namedBy(change), null, what);
  t.equal(namedBy({ before: [serverNameExtension(`${'a.'.repeat(126)}a`)] }), `${'a.'.repeat(126)}a`, '253 bytes');
  const message = clientHello(good);
  t.equal(readServerName(Buffer.concat([Buffer.from([22, 3, 1, 0, 0]), record(message)])), null, 'an empty record');
  t.equal(readServerName(record(Buffer.concat([Buffer.from([2]), message.subarray(1)]))), null, 'a ServerHello');
  const large = record(message);
  large.writeUInt16BE(16_385, 3);
  t.equal(readServerName(large), null, 'a record of more than 2^14 bytes');
});

t.test('a ClientHello may end with the last byte that is looked at, and not behind it', async (t) => {
  const of = (size: number) => {
    const padded = (length: number) =>
      record(
        clientHello({
          session: Buffer.alloc(0),
          suites: 1,
          before: [{ type: 21, data: Buffer.alloc(length) }, serverNameExtension('a.test')],
          after: [],
        }),
      );
    return padded(size - padded(0).length);
  };
  const most = of(mostHelloBytes);
  t.equal(most.length, mostHelloBytes);
  t.equal(readServerName(most), 'a.test');
  t.equal(readServerName(most.subarray(0, -1)), undefined);
  const over = of(mostHelloBytes + 1);
  t.equal(readServerName(over.subarray(0, mostHelloBytes - 1)), undefined);
  t.equal(readServerName(over.subarray(0, mostHelloBytes)), null);
  t.equal(readServerName(over), null);
});
