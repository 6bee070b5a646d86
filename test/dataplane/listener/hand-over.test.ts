import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { ConnectionShare, newConnectionShares } from '../../../dataplane/listener/connection-share.ts';
import { HandOver } from '../../../dataplane/listener/hand-over.ts';
import { openPipes, type WorkerPipes } from '../../../dataplane/listener/worker-pipes.ts';
import { linkWorkers } from '../../../dataplane/supervisor/worker-links.ts';
import { type PipeHandle, pipeBindings } from '../../../dataplane/transport/pipe-handle.ts';
import { giveAway, revive } from '../../../shared/transport/open.ts';
import type { Owner } from '../../harness/owner.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';

/** Two ends in one thread, so that the receiver reads nothing while the sender does not let it. */
async function linkedPipes(onArrived: (listener: number, socket: Socket) => void): Promise<WorkerPipes[]> {
  const ends = [0, 1].map(() => openPipes((listener, connection) => onArrived(listener, revive(connection)))!);
  await linkWorkers(2, {
    connect: (from, to, path) => ends[from]!.connect(to, path),
    receive: async (to, fd) => ends[to]!.receive(fd),
  });
  return ends;
}

/** Connections that were accepted and not read, with their callers. */
async function accepted(t: Owner, count: number): Promise<{ callers: Socket[]; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const callers = Array.from({ length: count }, (_, i) => {
    const caller = connect(port, '127.0.0.1');
    caller.on('error', () => undefined);
    caller.write(`${i};`);
    t.teardown(() => caller.destroy());
    return caller;
  });
  await until(() => sockets.length === count);
  t.teardown(() => sockets.forEach((socket) => void socket.destroy()));
  return { callers, sockets };
}

/** A pipe to worker 1 whose other end is closed. */
async function brokenPipes(t: Owner): Promise<WorkerPipes> {
  const { Pipe, constants } = pipeBindings!;
  const pipes = openPipes(() => undefined)!;
  const server = new Pipe(constants.SERVER);
  t.teardown(() => server.close());
  const path = join(tempFolder(t), 'link');
  const accepting = new Promise<PipeHandle>((resolve) => {
    server.onconnection = (_status, end) => resolve(end!);
  });
  server.bind(path);
  server.listen(1);
  await pipes.connect(1, path);
  const end = await accepting;
  await new Promise<void>((resolve) => end.close(resolve));
  return pipes;
}

t.test('a connection arrives with the place of its listener and with what its caller has sent before', async (t) => {
  const arrived: { listener: number; socket: Socket }[] = [];
  const [from] = await linkedPipes((listener, socket) => arrived.push({ listener, socket }));
  const { callers, sockets } = await accepted(t, 2);
  for (const [i, socket] of sockets.entries()) {
    const listener = [63, 0][i]!;
    const isSent = giveAway(socket, (connection) => from!.send(1, listener, connection, () => connection.close()));
    t.ok(isSent);
  }
  await until(() => arrived.length === 2);
  t.strictSame(
    arrived.map(({ listener }) => listener),
    [63, 0],
  );
  for (const { socket } of arrived) {
    t.ok(socket.remotePort);
    const place = callers.findIndex(({ localPort }) => localPort === socket.remotePort);
    const came = once(socket, 'data');
    socket.resume();
    t.equal(String((await came)[0]), `${place};`);
    const answered = once(callers[place]!, 'data');
    socket.write('yes');
    t.equal(String((await answered)[0]), 'yes');
    socket.destroy();
    await once(callers[place]!, 'close');
  }
});

t.test('a pipe whose reader is busy takes some connections and refuses the others, and loses none', async (t) => {
  const arrived: Socket[] = [];
  const [from] = await linkedPipes((_, socket) => arrived.push(socket));
  const { sockets } = await accepted(t, 600);
  let sent = 0;
  // All in one turn of the event loop: the receiver shares it.
  for (const socket of sockets)
    if (giveAway(socket, (connection) => from!.send(1, 0, connection, () => connection.close()))) sent++;
  t.ok(sent > 10 && sent < 600, `${sent} were taken`);
  await until(() => arrived.length === sent);
  for (const socket of arrived) socket.destroy();
});

t.test('a connection that cannot be sent comes back, and is counted here', async (t) => {
  const pipes = await brokenPipes(t);
  const memory = newConnectionShares(1, 2);
  const [share, other] = [0, 1].map((own) => new ConnectionShare(memory, 0, 2, own));
  for (const joined of [share!, other!]) joined.join();
  const handOver = new HandOver(share!, pipes, 0);
  const { callers, sockets } = await accepted(t, 2);
  const returned: Socket[] = [];
  t.notOk(handOver.tryGive(sockets[0]!, (socket) => returned.push(socket)));
  t.ok(handOver.tryGive(sockets[1]!, (socket) => returned.push(socket)));
  t.equal(share!.countOf(1), 1);
  handOver.onGone(); // the first one
  t.notOk(handOver.isEmpty, 'one is neither here nor there');
  await until(() => returned.length === 1);
  t.strictSame([share!.countOf(0), share!.countOf(1)], [1, 0]);
  const caller = callers.find(({ localPort }) => localPort === returned[0]!.remotePort)!;
  const answered = once(caller, 'data');
  returned[0]!.write('still here');
  t.equal(String((await answered)[0]), 'still here');
  returned[0]!.destroy();
  handOver.onGone();
  t.ok(handOver.isEmpty);
});

t.test('without a pipe to the idlest worker a connection stays', async (t) => {
  const memory = newConnectionShares(1, 2);
  const [share, other] = [0, 1].map((own) => new ConnectionShare(memory, 0, 2, own));
  for (const joined of [share!, other!]) joined.join();
  const handOver = new HandOver(share!, openPipes(() => undefined)!, 0);
  const { sockets } = await accepted(t, 2);
  for (const socket of sockets) t.notOk(handOver.tryGive(socket, () => t.fail('it never left')));
  t.strictSame([share!.countOf(0), share!.countOf(1)], [2, 0]);
});

t.test('a worker that cannot do its part fails the linking, with its number', async (t) => {
  const ends = [0, 1].map(() => openPipes(() => undefined)!);
  const connectTo = (from: number, to: number, path: string) => ends[from]!.connect(to, path);
  await t.rejects(
    linkWorkers(2, {
      connect: async (from, to, path) => from === 0 && connectTo(from, to, path),
      receive: async () => true,
    }),
    /worker 1 could not connect/,
  );
  await t.rejects(
    linkWorkers(2, { connect: connectTo, receive: async (to, fd) => to === 0 && ends[to]!.receive(fd) }),
    /worker 1 could not open/,
  );
  t.notOk(await ends[0]!.connect(1, join(tempFolder(t), 'nobody')));
  t.notOk(ends[0]!.receive(-1));
});
