import t from 'tap';
import { Callers } from '../../../dataplane/listener/callers.ts';
import { readProxy } from '../../../shared/resources/read.ts';
import { proxyDocument } from '../harness/resources.ts';

function callers(listener: object, scheme: 'http' | 'https' = 'http'): Callers {
  return new Callers(proxyDocument({ listeners: [{ name: 'a', port: 0, ...listener }] }).spec.listeners[0]!, scheme);
}

/** What is said of a caller, with the place of the host as `HOST`; null when nothing is. */
function said(list: Callers, address: string | undefined): string | null {
  const { forwarding } = list.at(address);
  return forwarding === null ? null : `${forwarding.xForwarded ?? ''}|${forwarding.element ?? ''}HOST`;
}

t.test('only loopback is the application of an outbound listener, and nobody that of an inbound one', async (t) => {
  for (const address of ['127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1']) {
    t.equal(callers({}).at(address).forwarding, null, address);
    t.not(callers({ direction: 'inbound' }).at(address).forwarding, null, address);
  }
  for (const address of ['126.255.255.255', '128.0.0.1', '::2', '::ffff:10.0.0.1', undefined])
    t.not(callers({}).at(address).forwarding, null, `${address}`);
  t.equal(callers({ forwarding: { application: ['10.0.0.0/8'] } }).at('10.9.9.9').forwarding, null);
  t.not(callers({ forwarding: { application: [] } }).at('127.0.0.1').forwarding, null);
});

t.test('addresses and ranges of both families are trusted to the bit', async (t) => {
  const list = callers({ forwarding: { trusted: ['10.1.2.0/23', '192.0.2.7', '2001:db8:8000::/33', 'fe80::1'] } });
  const cases: Record<string, boolean> = {
    '10.1.1.255': false,
    '10.1.2.0': true,
    '10.1.3.255': true,
    '10.1.4.0': false,
    '192.0.2.6': false,
    '192.0.2.7': true,
    '::ffff:192.0.2.7': true,
    '2001:db8:8000::': true,
    '2001:db8:ffff::1': true,
    '2001:db8:7fff::1': false,
    'fe80::1%eth0': true,
    'fe80::2%eth0': false,
    '': false,
  };
  for (const [address, isTrusted] of Object.entries(cases)) t.equal(list.at(address).isTrusted, isTrusted, address);
  t.equal(callers({ forwarding: { trusted: ['0.0.0.0/0'] } }).at('2001:db8::1').isTrusted, false);
  t.equal(callers({ forwarding: { trusted: ['::ffff:10.0.0.0/104'] } }).at('::ffff:10.1.1.1').isTrusted, true);
  t.equal(callers({ forwarding: { trusted: ['0.0.0.0/0', '::/0'] } }).at(undefined).isTrusted, false);
});

t.test('an address is written as its form asks for (RFC 7239 §6)', async (t) => {
  const older = (address: string) =>
    `X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: |HOST`;
  const newer = (node: string) => `|for=${node};proto=https;host="HOST`;
  for (const [address, plain, node] of [
    ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1', '"[2001:db8::1]"'],
    ['fe80::1%eth0', 'fe80::1', '"[fe80::1]"'],
    [undefined, 'unknown', 'unknown'],
  ] as const) {
    t.equal(said(callers({ forwarding: { fields: 'x-forwarded' } }, 'https'), address), older(plain));
    t.equal(said(callers({ forwarding: { fields: 'forwarded' } }, 'https'), address), newer(node));
    t.equal(said(callers({ forwarding: { fields: 'none' } }, 'https'), address), null);
  }
});

t.test('a caller is kept for the connections that follow from its address, and for no other', async (t) => {
  const list = callers({ forwarding: { trusted: ['10.0.0.1'] } });
  const first = list.at('10.0.0.1');
  t.equal(list.at('10.0.0.1'), first);
  t.equal(list.at('10.0.0.2').isTrusted, false);
  t.equal(list.at('10.0.0.1').isTrusted, true);
});

t.test('what is no address or range is refused by its place', async (t) => {
  const wrong = ['10.0.0.0/33', '10.0.0/8', '300.1.1.1', '::/129', '1::2::3', '10.0.0.1/', 'fe80', '10.0.0.0/08x'];
  for (const range of wrong)
    for (const field of ['trusted', 'application']) {
      const read = readProxy({
        kind: 'Proxy',
        name: 'a',
        spec: { listeners: [{ name: 'a', port: 0, forwarding: { [field]: ['10.0.0.0/8', range] } }] },
      });
      t.equal(read.ok, false, range);
      if (!read.ok) t.equal(read.issues[0]?.pointer, `/spec/listeners/0/forwarding/${field}/1`);
    }
});
