import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { type Channel, noMetadata, outcomeOfStream, within } from '../conformance/grpc/grpc-js-cases/call.ts';
import { emptyStream, sizesOf } from '../conformance/grpc/grpc-js-cases/streaming.ts';
import { askUnary, emptyUnary } from '../conformance/grpc/grpc-js-cases/unary.ts';
import { type OutputResponse, payloadOf } from '../conformance/grpc/test-service.ts';

export type GrpcLoad = {
  /** So many in all. */
  readonly calls: number;
  /** No more than so many are begun in a second, and be under way at the same time. */
  readonly perSecond: number;
  readonly width: number;
};

/** What is called in turn: short calls, and streams of a few messages. */
const kinds: readonly ((channel: Channel) => Promise<void>)[] = [emptyUnary, unary, emptyStream, unary, stream];

/** Makes the calls; resolves with those that failed, each in a line. */
export async function grpcLoad(channel: Channel, { calls, perSecond, width }: GrpcLoad): Promise<string[]> {
  const failures: string[] = [];
  const begunMs = performance.now();
  let begun = 0;
  const run = async () => {
    while (begun < calls) {
      const index = begun++;
      const pauseMs = begunMs + (index * 1000) / perSecond - performance.now();
      if (pauseMs > 1) await wait(pauseMs);
      const kind = kinds[index % kinds.length]!;
      try {
        await kind(channel);
      } catch (error) {
        failures.push(`call ${index}, ${kind.name}: ${(error as Error).message}`);
      }
    }
  };
  await Promise.all(Array.from({ length: width }, run));
  return failures;
}

async function unary({ test }: Channel): Promise<void> {
  const { status, replies } = await askUnary(test, { responseSize: 1000, payload: payloadOf(1000) });
  assert.equal(status.code, 0, status.details);
  assert.equal(replies[0]?.payload?.body.length, 1000);
}

async function stream({ test }: Channel): Promise<void> {
  const sizes = [100, 1000, 10];
  const call = test.fullDuplexCall(noMetadata, within());
  const outcome = outcomeOfStream<OutputResponse>(call);
  for (const size of sizes) call.write({ responseParameters: [{ size }], payload: payloadOf(size) });
  call.end();
  const { status, replies } = await outcome;
  assert.equal(status.code, 0, status.details);
  assert.deepEqual(sizesOf(replies), sizes);
}
