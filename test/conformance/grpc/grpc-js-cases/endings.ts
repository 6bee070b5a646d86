import assert from 'node:assert/strict';
import { once } from 'node:events';
import { grpc } from '../../../../shared/grpc/grpc.ts';
import {
  echoedFinally,
  echoedInitially,
  type InputResponse,
  type OutputRequest,
  payloadOf,
  type TestClient,
} from '../test-service.ts';
import { type Channel, noMetadata, type Outcome, outcomeOf, outcomeOfStream, within } from './call.ts';
import { askUnary, assertLarge, requestSize, responseSize } from './unary.ts';

/** Metadata, statuses, cancellation and deadlines. */

export async function customMetadata({ test }: Channel): Promise<void> {
  const text = 'test_initial_metadata_value';
  const bytes = Buffer.from('ababab', 'hex');
  const metadata = new grpc.Metadata();
  metadata.set(echoedInitially, text);
  metadata.set(echoedFinally, bytes);
  const check = ({ status, initial }: Outcome<unknown>) => {
    assert.equal(status.code, 0, status.details);
    assert.deepEqual(initial.get(echoedInitially), [text]);
    assert.deepEqual(status.metadata.get(echoedFinally), [bytes]);
  };
  const unary = await askUnary(test, { responseSize, payload: payloadOf(requestSize) }, metadata);
  assertLarge(unary);
  check(unary);
  const request = { responseParameters: [{ size: responseSize }], payload: payloadOf(requestSize) };
  check(await exchange(test, request, metadata));
}

export async function statusCodeAndMessage({ test }: Channel): Promise<void> {
  const responseStatus = { code: grpc.status.UNKNOWN, message: 'test status message' };
  assertStatus(await askUnary(test, { responseStatus }), responseStatus.code, responseStatus.message);
  assertStatus(await exchange(test, { responseStatus }), responseStatus.code, responseStatus.message);
}

export async function specialStatusMessage({ test }: Channel): Promise<void> {
  const message = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
  const responseStatus = { code: grpc.status.UNKNOWN, message };
  assertStatus(await askUnary(test, { responseStatus }), responseStatus.code, message);
}

export async function unimplementedMethod({ test }: Channel): Promise<void> {
  assertStatus(
    await outcomeOf((done) => test.unimplementedCall({}, noMetadata, within(), done)),
    grpc.status.UNIMPLEMENTED,
  );
}

export async function unimplementedService({ unimplemented }: Channel): Promise<void> {
  assertStatus(
    await outcomeOf((done) => unimplemented.unimplementedCall({}, noMetadata, within(), done)),
    grpc.status.UNIMPLEMENTED,
  );
}

export async function cancelAfterBegin({ test }: Channel): Promise<void> {
  const outcome = await outcomeOf<InputResponse>((done) => {
    const call = test.streamingInputCall(noMetadata, within(), done);
    call.cancel();
    return call;
  });
  assertStatus(outcome, grpc.status.CANCELLED);
}

export async function cancelAfterFirstResponse({ test }: Channel): Promise<void> {
  const call = test.fullDuplexCall(noMetadata, within());
  const outcome = outcomeOfStream(call);
  call.write({ responseParameters: [{ size: 31_415 }], payload: payloadOf(27_182) });
  await once(call, 'data');
  call.cancel();
  assertStatus(await outcome, grpc.status.CANCELLED);
}

export async function timeoutOnSleepingServer({ test }: Channel): Promise<void> {
  const call = test.fullDuplexCall(noMetadata, within(1));
  const outcome = outcomeOfStream(call);
  call.write({ payload: payloadOf(27_182) });
  assertStatus(await outcome, grpc.status.DEADLINE_EXCEEDED);
}

/** One request on a stream of both directions, then its end. */
function exchange(test: TestClient, request: OutputRequest, metadata = noMetadata): Promise<Outcome<unknown>> {
  const call = test.fullDuplexCall(metadata, within());
  const outcome = outcomeOfStream(call);
  call.write(request);
  call.end();
  return outcome;
}

function assertStatus({ status }: Outcome<unknown>, code: number, message?: string): void {
  assert.equal(status.code, code, status.details);
  if (message !== undefined) assert.equal(status.details, message);
}
