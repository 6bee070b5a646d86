import { grpc } from '../../../../shared/grpc/grpc.ts';
import { type GrpcServer, startGrpcServer } from '../../../../shared/grpc/server/grpc-server.ts';
import { OutgoingMessage } from '../../../../shared/grpc/server/outgoing-message.ts';
import type { ServerCall } from '../../../../shared/grpc/server/server-call.ts';
import { StatusError } from '../../../../shared/grpc/server/status-error.ts';
import { unary } from '../../../../shared/grpc/server/unary.ts';
import { systemClock } from '../../../../shared/time/clock.ts';
import type { Owner } from '../../../harness/owner.ts';

const same = (bytes: Buffer) => Buffer.from(bytes);
const method = (name: string, isStream: boolean) => ({
  path: `/test.Echo/${name}`,
  requestStream: isStream,
  responseStream: isStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

export const echoMethods = { say: method('Say', false), fail: method('Fail', false), chat: method('Chat', true) };
export const EchoClient = grpc.makeGenericClientConstructor(echoMethods, 'Echo');

/** Whoever shows `bad` is refused. */
const anybody = ({ authorization }: ServerCall<Buffer>) =>
  authorization === 'bad' ? new StatusError(grpc.status.UNAUTHENTICATED, 'go away') : null;

export type EchoServer = GrpcServer & {
  /** What became of the streams: `end` when the caller ended them, `cancel` otherwise. */
  readonly ended: string[];
};

/** A server that says what it hears: Say once, Chat every time; Fail says NOT_FOUND, or breaks when it hears `break`. */
export async function startEchoServer(
  t: Owner,
  { mostCalls = 3, mostMessageBytes = 100_000, mostConnections = 100, sweepMs = 5_000 } = {},
): Promise<EchoServer> {
  const ended: string[] = [];
  const server = await startGrpcServer(
    {
      mostCalls,
      mostMessageBytes,
      mostConnections,
      sweepMs,
      flag: '--port',
      now: systemClock.monotonicMs,
      methods: {
        [echoMethods.say.path]: unary(echoMethods.say, anybody, async (bytes) => bytes),
        [echoMethods.fail.path]: unary(echoMethods.fail, anybody, async (bytes) => {
          if (bytes.toString() === 'break') throw new Error('it broke');
          throw new StatusError(grpc.status.NOT_FOUND, 'keins da: 100 % ünmöglich\nund mehr');
        }),
        [echoMethods.chat.path]: {
          decode: same,
          open: (call) => ({
            onMessage: (bytes: Buffer) => call.send(new OutgoingMessage([bytes])),
            onEnd: () => {
              ended.push('end');
              call.end(grpc.status.OK);
            },
            onCancel: () => void ended.push('cancel'),
          }),
        },
      },
    },
    { host: '127.0.0.1', port: 0 },
  );
  t.teardown(() => server.close());
  return { ...server, ended };
}
