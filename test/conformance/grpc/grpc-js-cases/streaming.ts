import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type InputResponse, type OutputResponse, payloadOf } from '../test-service.ts';
import { type Channel, noMetadata, outcomeOf, outcomeOfStream, within } from './call.ts';

const requestSizes = [27_182, 8, 1828, 45_904];
const responseSizes = [31_415, 9, 2653, 58_979];

export async function clientStreaming({ test }: Channel): Promise<void> {
  const { status, replies } = await outcomeOf<InputResponse>((done) => {
    const call = test.streamingInputCall(noMetadata, within(), done);
    for (const size of requestSizes) call.write({ payload: payloadOf(size) });
    call.end();
    return call;
  });
  assert.equal(status.code, 0, status.details);
  assert.deepEqual(replies, [{ aggregatedPayloadSize: 74_922 }]);
}

export async function serverStreaming({ test }: Channel): Promise<void> {
  const responseParameters = responseSizes.map((size) => ({ size }));
  const { status, replies } = await outcomeOfStream<OutputResponse>(
    test.streamingOutputCall({ responseParameters }, noMetadata, within()),
  );
  assert.equal(status.code, 0, status.details);
  assert.deepEqual(sizesOf(replies), responseSizes);
}

export async function pingPong({ test }: Channel): Promise<void> {
  const call = test.fullDuplexCall(noMetadata, within());
  const outcome = outcomeOfStream<OutputResponse>(call);
  for (const [i, size] of responseSizes.entries()) {
    call.write({ responseParameters: [{ size }], payload: payloadOf(requestSizes[i]!) });
    await once(call, 'data');
  }
  call.end();
  const { status, replies } = await outcome;
  assert.equal(status.code, 0, status.details);
  assert.deepEqual(sizesOf(replies), responseSizes);
}

export async function emptyStream({ test }: Channel): Promise<void> {
  const call = test.fullDuplexCall(noMetadata, within());
  const outcome = outcomeOfStream<OutputResponse>(call);
  call.end();
  const { status, replies } = await outcome;
  assert.equal(status.code, 0, status.details);
  assert.deepEqual(replies, []);
}

export function sizesOf(replies: readonly OutputResponse[]): number[] {
  return replies.map(({ payload }) => payload?.body.length ?? 0);
}
