import type { EventEmitter } from 'node:events';
import { grpc } from '../../../../shared/grpc/grpc.ts';
import type { TestClient, UnimplementedClient } from '../test-service.ts';

/** What a case calls through: one connection, and one whose messages are compressed unless they say otherwise. */
export type Channel = {
  readonly test: TestClient;
  readonly compressing: TestClient;
  readonly unimplemented: UnimplementedClient;
};

/** Throws when the case does not come out as it should. */
export type Case = (channel: Channel) => Promise<void>;

/** All that came of a call. */
export type Outcome<Reply> = {
  readonly status: grpc.StatusObject;
  readonly replies: readonly Reply[];
  readonly initial: grpc.Metadata;
};

/** Every call has a deadline, so that a case whose reply is lost fails instead of waiting. */
export function within(timeoutMs = 20_000): grpc.CallOptions {
  return { deadline: Date.now() + timeoutMs };
}

export const noMetadata = new grpc.Metadata();

/** Starts a call with one reply and waits for its end. */
export function outcomeOf<Reply>(start: (done: grpc.requestCallback<Reply>) => EventEmitter): Promise<Outcome<Reply>> {
  const replies: Reply[] = [];
  let initial = noMetadata;
  return new Promise((resolve) => {
    const call = start((_, reply) => {
      if (reply !== undefined) replies.push(reply);
    });
    call.on('metadata', (metadata: grpc.Metadata) => {
      initial = metadata;
    });
    call.on('status', (status: grpc.StatusObject) => resolve({ status, replies, initial }));
  });
}

/** Waits for the end of a call with a stream of replies. */
export function outcomeOfStream<Reply>(call: EventEmitter): Promise<Outcome<Reply>> {
  const replies: Reply[] = [];
  let initial = noMetadata;
  const ended = new Promise((resolve) => call.on('end', resolve));
  call.on('metadata', (metadata: grpc.Metadata) => {
    initial = metadata;
  });
  call.on('data', (reply: Reply) => replies.push(reply));
  call.on('error', () => undefined); // the status tells the same
  return new Promise((resolve) => {
    call.on('status', async (status: grpc.StatusObject) => {
      if (status.code === grpc.status.OK) await ended;
      resolve({ status, replies, initial });
    });
  });
}
