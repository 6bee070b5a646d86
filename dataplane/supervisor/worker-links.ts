import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PipeBindings, type PipeHandle, pipeBindings } from '../transport/pipe-handle.ts';

/** Every ordered pair of workers has a pipe: with this many they are 240. */
export const mostLinkedWorkers = 16;

/** How workers are asked to do their part; both resolve with whether they could. */
export type LinkEnds = {
  connect(from: number, to: number, path: string): Promise<boolean>;
  receive(to: number, fd: number): Promise<boolean>;
};

/**
 * What was accepted here for a worker. Its number belongs to that worker, which closes it when it ends: these handles
 * are never read, and never closed either, as the number may be somebody else's by then.
 */
const givenAway: PipeHandle[] = [];

/** Makes a pipe from every worker to every other one; rejects when that cannot be. */
export async function linkWorkers(workers: number, ends: LinkEnds): Promise<void> {
  if (pipeBindings === null) throw new Error('this Node has no pipes that carry connections');
  const bindings = pipeBindings;
  const folder = await mkdtemp(join(tmpdir(), 'meshlane-')); // mode 0700: nobody else can connect
  try {
    // Each round asks a worker for one end of either kind, so that its answers cannot be mistaken for each other.
    for (let distance = 1; distance < workers; distance++) {
      const pairs = Array.from({ length: workers }, (_, from) =>
        linkPair(bindings, from, (from + distance) % workers, join(folder, `${distance}-${from}`), ends),
      );
      await Promise.allSettled(pairs);
      await Promise.all(pairs);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * A pipe that carries connections is one that has connected, or one that was opened by its number. So one worker connects
 * to a socket here, and the number of what is accepted goes to the other one.
 */
async function linkPair(bindings: PipeBindings, from: number, to: number, path: string, ends: LinkEnds): Promise<void> {
  const server = new bindings.Pipe(bindings.constants.SERVER);
  try {
    const accepting = new Promise<PipeHandle | undefined>((resolve) => {
      server.onconnection = (_status, accepted) => resolve(accepted);
    });
    check(server.bind(path), 'bind');
    check(server.listen(1), 'listen');
    if (!(await ends.connect(from, to, path))) throw new Error(`worker ${from} could not connect`);
    const accepted = await accepting;
    if (accepted === undefined) throw new Error('a connection could not be accepted');
    accepted.unref();
    givenAway.push(accepted);
    if (!(await ends.receive(to, accepted.fd))) throw new Error(`worker ${to} could not open its end`);
  } finally {
    server.close();
  }
}

function check(result: number | undefined, what: string): void {
  if (result !== undefined && result !== 0) throw new Error(`${what} failed with ${result}`);
}
