import assert from 'node:assert/strict';
import { isCompressed } from '../../harness/grpc/messages.ts';
import { type WireClient, wireClient } from '../../harness/grpc/wire-client.ts';
import type { Owner } from '../../harness/owner.ts';
import type { CompressedReplyCase } from './cases.ts';
import { contentOf } from './compressing-server.ts';
import { type MethodName, methodOf, type OutputResponse, payloadOf } from './test-service.ts';

type ExpectedReply = { readonly size: number; readonly compressed: boolean };

/** The cases that need to see whether a message came compressed. */
const wireCases: Readonly<Record<CompressedReplyCase, (client: WireClient) => Promise<void>>> = {
  server_compressed_unary: async (client) => {
    for (const compressed of [true, false]) {
      const payload = payloadOf(271_828);
      const request = { responseSize: 314_159, payload, responseCompressed: { value: compressed } };
      await expectReplies(client, 'UnaryCall', request, [{ size: 314_159, compressed }]);
    }
  },
  server_compressed_streaming: async (client) => {
    const replies = [
      { size: 31_415, compressed: true },
      { size: 92_653, compressed: false },
    ];
    const responseParameters = replies.map(({ size, compressed }) => ({ size, compressed: { value: compressed } }));
    await expectReplies(client, 'StreamingOutputCall', { responseParameters }, replies);
  },
};

export async function runWireCase(t: Owner, port: number, name: CompressedReplyCase): Promise<void> {
  await wireCases[name](await wireClient(t, port));
}

async function expectReplies(
  client: WireClient,
  method: MethodName,
  request: object,
  replies: readonly ExpectedReply[],
): Promise<void> {
  const { path, requestSerialize, responseDeserialize } = methodOf(method);
  const { status, messages } = await client.ask(path, {
    message: requestSerialize(request),
    fields: { 'grpc-accept-encoding': 'identity,gzip' },
  });
  assert.equal(status, 0);
  const got = messages.map((message) => {
    const { payload } = responseDeserialize(contentOf(message)) as OutputResponse;
    return { size: payload?.body.length, compressed: isCompressed(message) };
  });
  assert.deepEqual(got, replies);
}
