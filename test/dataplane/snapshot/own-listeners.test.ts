import { networkInterfaces } from 'node:os';
import t from 'tap';
import { OwnListeners } from '../../../dataplane/snapshot/own-listeners.ts';

/** Which of these hosts lead back to a listener on an address, on the listener's port and direction. */
function leadingBack(listener: string, hosts: readonly string[]): string[] {
  const own = new OwnListeners();
  own.add('outbound', { host: listener, port: 15001 });
  for (const host of hosts) {
    if (own.isReachedBy('inbound', host, 15001)) throw new Error('the other direction is another listener');
    if (own.isReachedBy('outbound', host, 15002)) throw new Error('another port is another listener');
  }
  return hosts.filter((host) => own.isReachedBy('outbound', host, 15001));
}

const hosts = [
  '127.0.0.1',
  'localhost',
  'LOCALHOST',
  '::ffff:127.0.0.1',
  '127.0.0.2',
  '::1',
  '0.0.0.0',
  '192.0.2.1',
  'a',
];

t.test('a listener on one address is reached by that address, however it is written', async (t) => {
  t.same(leadingBack('127.0.0.1', hosts), ['127.0.0.1', 'localhost', 'LOCALHOST', '::ffff:127.0.0.1']);
  t.same(leadingBack('192.0.2.1', hosts), ['192.0.2.1']);
  t.same(leadingBack('A', hosts), ['a']);
});

t.test('a listener on all addresses is reached by each one of this machine', async (t) => {
  const mine = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []);
  t.ok(mine.length > 0);
  for (const wildcard of ['0.0.0.0', '::']) {
    t.same(leadingBack(wildcard, [...hosts, ...mine]), [...hosts.slice(0, 7), ...mine]);
  }
});

t.test('nothing is reached before anything listens', async (t) => {
  t.equal(new OwnListeners().isReachedBy('outbound', '127.0.0.1', 15001), false);
});
