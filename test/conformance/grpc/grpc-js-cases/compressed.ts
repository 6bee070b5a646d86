import assert from 'node:assert/strict';
import { grpc } from '../../../../shared/grpc/grpc.ts';
import {
  type InputRequest,
  type InputResponse,
  type OutputResponse,
  payloadOf,
  type TestClient,
} from '../test-service.ts';
import { type Channel, noMetadata, type Outcome, outcomeOf, outcomeOfStream, within } from './call.ts';
import { sizesOf } from './streaming.ts';
import { askUnary, assertLarge, requestSize, responseSize } from './unary.ts';

/** What grpc-js calls WriteFlags.NoCompress and does not export. */
const uncompressed = 2;

const large = { responseSize, payload: payloadOf(requestSize) };

/** The first call asks whether the server looks at the flag at all: it must refuse what is not compressed. */
export async function clientCompressedUnary({ test, compressing }: Channel): Promise<void> {
  const probe = await askUnary(test, { ...large, expectCompressed: { value: true } });
  assert.equal(probe.status.code, grpc.status.INVALID_ARGUMENT, probe.status.details);
  assertLarge(await askUnary(compressing, { ...large, expectCompressed: { value: true } }));
  assertLarge(await askUnary(test, { ...large, expectCompressed: { value: false } }));
}

export async function clientCompressedStreaming({ test, compressing }: Channel): Promise<void> {
  const first = { payload: payloadOf(27_182), expectCompressed: { value: true } };
  const second = { payload: payloadOf(45_904), expectCompressed: { value: false } };
  const probe = await sendAll(test, [first]);
  assert.equal(probe.status.code, grpc.status.INVALID_ARGUMENT, probe.status.details);
  const { status, replies } = await sendAll(compressing, [first, second]);
  assert.equal(status.code, 0, status.details);
  assert.deepEqual(replies, [{ aggregatedPayloadSize: 73_086 }]);
}

/** grpc-js shows messages as they were before they were compressed, so that only their sizes can be looked at. */
export async function serverCompressedUnary({ test }: Channel): Promise<void> {
  for (const value of [true, false]) assertLarge(await askUnary(test, { ...large, responseCompressed: { value } }));
}

export async function serverCompressedStreaming({ test }: Channel): Promise<void> {
  const responseParameters = [
    { size: 31_415, compressed: { value: true } },
    { size: 92_653, compressed: { value: false } },
  ];
  const { status, replies } = await outcomeOfStream<OutputResponse>(
    test.streamingOutputCall({ responseParameters }, noMetadata, within()),
  );
  assert.equal(status.code, 0, status.details);
  assert.deepEqual(sizesOf(replies), [31_415, 92_653]);
}

/** Messages that expect not to be compressed are sent so, whatever the channel does to others. */
function sendAll(client: TestClient, requests: readonly InputRequest[]): Promise<Outcome<InputResponse>> {
  return outcomeOf((done) => {
    const call = client.streamingInputCall(noMetadata, within(), done);
    for (const request of requests) call.write(request, request.expectCompressed?.value === false ? uncompressed : 0);
    call.end();
    return call;
  });
}
