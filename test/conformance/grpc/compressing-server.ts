import { gunzipSync, gzipSync } from 'node:zlib';
import { grpc } from '../../../shared/grpc/grpc.ts';
import { isCompressed, type Message } from '../../harness/grpc/messages.ts';
import { type ServedCall, wireServer } from '../../harness/grpc/wire-server.ts';
import type { Owner } from '../../harness/owner.ts';
import {
  type BoolValue,
  type InputRequest,
  type MethodName,
  methodOf,
  type OutputRequest,
  payloadOf,
  type SimpleRequest,
} from './test-service.ts';

/**
 * The part of the test service that is about compression, on bare messages: neither grpc-js nor grpc-go's interop server
 * shows or sets the flag of a single message. Resolves with its port.
 */
export async function startCompressingServer(t: Owner): Promise<number> {
  const { port } = await wireServer(t, (call) => {
    const answer = answers[call.path.split('/').at(-1) as MethodName];
    if (answer) answer(call);
    else call.end(grpc.status.UNIMPLEMENTED);
  });
  return port;
}

type Reply = { readonly message: object; readonly compressed: boolean };
const answers: Readonly<Record<MethodName, (call: ServedCall) => void>> = {
  UnaryCall: (call) => {
    const [request] = requestsOf<SimpleRequest>(call, 'UnaryCall');
    const { responseSize = 0, responseCompressed } = request!;
    const message = { payload: payloadOf(responseSize) };
    reply(call, 'UnaryCall', [{ message, compressed: responseCompressed?.value === true }]);
  },
  StreamingInputCall: (call) => {
    const requests = requestsOf<InputRequest>(call, 'StreamingInputCall');
    const aggregatedPayloadSize = requests.reduce((sum, { payload }) => sum + (payload?.body.length ?? 0), 0);
    reply(call, 'StreamingInputCall', [{ message: { aggregatedPayloadSize }, compressed: false }]);
  },
  StreamingOutputCall: (call) => {
    const [request] = requestsOf<OutputRequest>(call, 'StreamingOutputCall');
    const { responseParameters = [] } = request!;
    const replies = responseParameters.map(({ size, compressed }) => ({
      message: { payload: payloadOf(size) },
      compressed: compressed?.value === true,
    }));
    reply(call, 'StreamingOutputCall', replies);
  },
};

function requestsOf<Request>(call: ServedCall, method: MethodName): readonly Request[] {
  const { requestDeserialize } = methodOf(method);
  return call.messages.map((message) => requestDeserialize(contentOf(message)) as Request);
}

/** Ends with INVALID_ARGUMENT when a request was not compressed as it says it should be. */
function reply(call: ServedCall, method: MethodName, replies: readonly Reply[]): void {
  const isExpected = requestsOf<{ expectCompressed?: BoolValue | null }>(call, method).every(
    ({ expectCompressed }, i) => !expectCompressed || expectCompressed.value === isCompressed(call.messages[i]!),
  );
  if (!isExpected) {
    call.end(grpc.status.INVALID_ARGUMENT);
    return;
  }
  call.head({ 'grpc-encoding': 'gzip', 'grpc-accept-encoding': 'identity,gzip' });
  for (const { message, compressed } of replies) {
    const bytes = methodOf(method).responseSerialize(message);
    if (compressed) call.send(gzipSync(bytes), 1);
    else call.send(bytes);
  }
  call.end(grpc.status.OK);
}

export function contentOf(message: Message): Buffer {
  return isCompressed(message) ? gunzipSync(message.bytes) : message.bytes;
}
