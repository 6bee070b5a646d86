import type { Writable } from 'node:stream';
import t from 'tap';
import { frameOf } from '../../harness/grpc/messages.ts';
import type { ServedCall } from '../../harness/grpc/wire-server.ts';
import { until } from '../../harness/until.ts';
import { twoProxies } from './two-proxies.ts';

/**
 * A side that does not read stops the one that writes: what has left the writer and did not arrive is all that can be
 * anywhere between them, in the proxies' memory or the kernel's.
 */

const mebibyte = 1024 * 1024;
const message = frameOf(Buffer.alloc(65_536 - 5));
const messages = 1024;
const mostBetween = 4 * mebibyte;

type Pump = { readonly left: () => number; readonly done: Promise<void> };

/** Writes all messages, no faster than they go. */
function pump(stream: Writable): Pump {
  let left = 0;
  const write = () =>
    new Promise<void>((resolve) => {
      stream.write(message, (error) => {
        if (!error) left += message.length;
        resolve();
      });
    });
  const run = async () => {
    for (let i = 0; i < messages; i++) await write();
  };
  return { left: () => left, done: run() };
}

/** Waits until the writer has come to a stop; resolves with what left it. */
async function stopped({ left }: Pump): Promise<number> {
  let before = -1;
  let unmoved = 0;
  await until(
    () => {
      unmoved = left() === before ? unmoved + 1 : 0;
      before = left();
      return unmoved === 5;
    },
    { everyMs: 100, timeoutMs: 30_000, what: 'the writer’s stop' },
  );
  return before;
}

const atHead = { at: 'head' } as const;
const answer = (call: ServedCall) => call.stream.on('end', () => call.answer(Buffer.from('answer')));

t.test('a caller that does not read stops the server that streams to it, and nobody else', async (t) => {
  let source: Pump | null = null;
  const { client } = await twoProxies(
    t,
    (call) => {
      if (call.path !== '/pkg.Service/Stream') return answer(call);
      call.head();
      source = pump(call.stream);
      return source.done.then(() => call.end(0));
    },
    atHead,
  );
  const call = client.call('/pkg.Service/Stream', { message: Buffer.from('question') });
  call.stream.pause();
  const left = await stopped(await until(() => source));
  t.ok(left < mostBetween, `${(left / mebibyte).toFixed(1)} of 64 MiB left the server`);
  t.equal((await client.ask('/pkg.Service/Other')).status, 0, 'other calls of the same connection go on');
  call.stream.resume();
  const end = await call.ended;
  t.equal(end.messages.length, messages);
  t.equal(end.status, 0);
});

t.test('a server that does not read stops the caller that streams to it, and nobody else', async (t) => {
  const { server, client } = await twoProxies(
    t,
    (call) => {
      if (call.path === '/pkg.Service/Stream') call.stream.pause();
      return answer(call);
    },
    atHead,
  );
  const call = client.call('/pkg.Service/Stream');
  const source = pump(call.stream);
  const left = await stopped(source);
  t.ok(left < mostBetween, `${(left / mebibyte).toFixed(1)} of 64 MiB left the caller`);
  t.equal((await client.ask('/pkg.Service/Other')).status, 0, 'other calls of the same connection go on');
  server.calls[0]!.stream.resume();
  await source.done;
  call.end();
  t.equal((await call.ended).status, 0);
  t.equal(server.calls[0]!.messages.length, messages);
});
