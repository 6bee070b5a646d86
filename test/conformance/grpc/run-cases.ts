import type { Owner } from '../../harness/owner.ts';
import {
  type CaseName,
  type ClientName,
  type CompressedReplyCase,
  casesOf,
  type Pair,
  type ServerName,
} from './cases.ts';
import { startCompressingServer } from './compressing-server.ts';
import { runGrpcGoCase, startGrpcGoServer } from './grpc-go.ts';
import { grpcJsCases, openChannel } from './grpc-js-client.ts';
import { startGrpcJsServer } from './grpc-js-server.ts';
import { type ProxyName, putBefore, type Subject } from './subject.ts';
import { runWireCase } from './wire-cases.ts';

export type Result = Pair & {
  readonly case: CaseName;
  readonly subject: Subject;
  /** Why it did not pass, in a line; null when it did. */
  readonly failure: string | null;
};

export type Run = {
  readonly subject: Subject;
  readonly proxy: ProxyName;
  readonly pairs: readonly Pair[];
  /** Only these; otherwise all that client and server have in common. */
  readonly cases?: readonly CaseName[];
};

/** Cases at the same time: they have to get along on the proxies' connections, too. */
const width = 4;

/** Runs the cases of each pair; results in that order. */
export async function runCases(t: Owner, { subject, proxy, pairs, cases }: Run): Promise<Result[]> {
  const ports = new Map<ServerName, number>();
  for (const { server } of pairs)
    if (!ports.has(server)) ports.set(server, await putBefore(t, await startServer[server](t), subject, proxy));
  const errands = pairs.flatMap((pair) => {
    const runCase = openClient(t, pair.client, ports.get(pair.server)!);
    const names = casesOf(pair).filter((name) => cases?.includes(name) ?? true);
    return names.map((name) => async (): Promise<Result> => {
      const failure = await runCase(name).then(
        () => null,
        (error: Error) => error.message.replaceAll(/\s*\n\s*/g, ' '),
      );
      return { ...pair, case: name, subject, failure };
    });
  });
  const results: Result[] = [];
  const queue = errands.entries();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const [index, errand] of queue) results[index] = await errand();
    }),
  );
  return results;
}

const startServer: Readonly<Record<ServerName, (t: Owner) => Promise<number>>> = {
  'grpc-js': startGrpcJsServer,
  'grpc-go': startGrpcGoServer,
  'node-http2': startCompressingServer,
};

function openClient(t: Owner, name: ClientName, port: number): (one: CaseName) => Promise<void> {
  switch (name) {
    case 'grpc-js': {
      const channel = openChannel(t, port);
      return (one) => grpcJsCases[one](channel);
    }
    case 'grpc-go':
      return (one) => runGrpcGoCase(port, one);
    case 'node-http2':
      return (one) => runWireCase(t, port, one as CompressedReplyCase);
  }
}
