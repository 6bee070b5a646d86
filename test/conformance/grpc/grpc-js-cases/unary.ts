import assert from 'node:assert/strict';
import type { grpc } from '../../../../shared/grpc/grpc.ts';
import { payloadOf, type SimpleRequest, type SimpleResponse, type TestClient } from '../test-service.ts';
import { type Channel, noMetadata, type Outcome, outcomeOf, within } from './call.ts';

export const requestSize = 271_828;
export const responseSize = 314_159;
/** Calls on one channel at the same time: some MB each way, far more than any window. */
const concurrentCalls = 100;
const soakCalls = 50;

export function askUnary(
  client: TestClient,
  request: SimpleRequest,
  metadata: grpc.Metadata = noMetadata,
): Promise<Outcome<SimpleResponse>> {
  return outcomeOf((done) => client.unaryCall(request, metadata, within(), done));
}

export async function emptyUnary({ test }: Channel): Promise<void> {
  const { status, replies } = await outcomeOf((done) => test.emptyCall({}, noMetadata, within(), done));
  assert.equal(status.code, 0, status.details);
  assert.deepEqual(replies, [{}]);
}

export async function largeUnary({ test }: Channel): Promise<void> {
  assertLarge(await askUnary(test, { responseSize, payload: payloadOf(requestSize) }));
}

export async function concurrentLargeUnary(channel: Channel): Promise<void> {
  await Promise.all(Array.from({ length: concurrentCalls }, () => largeUnary(channel)));
}

export async function rpcSoak(channel: Channel): Promise<void> {
  for (let i = 0; i < soakCalls; i++) await largeUnary(channel);
}

export function assertLarge({ status, replies }: Outcome<SimpleResponse>): void {
  assert.equal(status.code, 0, status.details);
  assert.equal(replies[0]?.payload?.body.length, responseSize);
}
