import { grpc } from '../grpc.ts';
import { OutgoingMessage } from './outgoing-message.ts';
import type { Method, ServerCall } from './server-call.ts';
import { StatusError } from './status-error.ts';

type Codecs<Request, Reply> = Pick<grpc.MethodDefinition<Request, Reply>, 'requestDeserialize' | 'responseSerialize'>;

/**
 * A method with one request and one reply. `admit` lets a call in before its request is here, and says whose it is. What
 * `answer` fails with, other than a StatusError, is INTERNAL.
 */
export function unary<Request, Reply, Caller>(
  { requestDeserialize: decode, responseSerialize: encode }: Codecs<Request, Reply>,
  admit: (call: ServerCall<Request>) => Caller | StatusError,
  answer: (request: Request, caller: Caller) => Promise<Reply>,
): Method<Request> {
  return {
    decode,
    open: (call) => {
      const caller = admit(call);
      if (caller instanceof StatusError) return caller;
      let isAsked = false;
      const reply = async (request: Request) => {
        try {
          call.send(new OutgoingMessage([encode(await answer(request, caller))]));
          call.end(grpc.status.OK);
        } catch (error) {
          if (error instanceof StatusError) call.end(error.code, error.message);
          else call.end(grpc.status.INTERNAL, String(error));
        }
      };
      return {
        onMessage: (request) => {
          if (isAsked) return call.end(grpc.status.INVALID_ARGUMENT, 'a call has one request');
          isAsked = true;
          void reply(request);
        },
        onEnd: () => {
          if (!isAsked) call.end(grpc.status.INVALID_ARGUMENT, 'a call has one request');
        },
        onCancel: () => undefined,
      };
    },
  };
}
