import { createHash, randomBytes } from 'node:crypto';
import t from 'tap';
import { freePort } from '../../harness/free-port.ts';
import { peer, skipWithout } from '../../harness/peers.ts';
import { startProcess } from '../../harness/process.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { ask, get, rawClient } from '../harness/raw-client.ts';
import { serviceAt, tcpServiceAt } from '../harness/resources.ts';
import { reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';

/** Commands as Redis reads them: arrays of strings with their lengths. */
const command = (...words: readonly (string | Buffer)[]) =>
  Buffer.concat([
    Buffer.from(`*${words.length}\r\n`),
    ...words.flatMap((word) => [Buffer.from(`$${word.length}\r\n`), Buffer.from(word), Buffer.from('\r\n')]),
  ]);

t.test('Redis is carried, on a listener of its own and beside HTTP', await skipWithout('redis-server'), async (t) => {
  const port = await freePort();
  await startProcess({
    command: (await peer('redis-server'))!,
    args: ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', tempFolder(t)],
    t,
    ready: /Ready to accept connections/,
  });
  const web = await scriptedOrigin(t, () => reply('fine'));
  for (const protocol of ['tcp', 'auto'] as const) {
    const proxy = await staticProxy(t, {
      resources: [...tcpServiceAt('cache', protocol, port), ...serviceAt('web', web.port)],
      spec: { listeners: [{ name: 'out', port: 0, protocol, service: 'cache' }] },
    });
    if (protocol === 'auto') t.equal((await ask(t, proxy.port, get('/', 'web'))).status, 200);
    const client = await rawClient(t, proxy.port);
    const value = randomBytes(1_000_000);
    client.send(Buffer.concat([command('PING'), command('SET', 'key', value), command('GET', 'key')]));
    const before = `+PONG\r\n+OK\r\n$${value.length}\r\n`;
    await client.until((text) => text.length === before.length + value.length + 2);
    t.ok(client.received.startsWith(before));
    const got = Buffer.from(client.received.slice(before.length, -2), 'latin1');
    const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    t.equal(hash(got), hash(value));
    client.send(command('QUIT'));
    await client.until((text) => text.endsWith('+OK\r\n'));
    await client.closed();
  }
});
