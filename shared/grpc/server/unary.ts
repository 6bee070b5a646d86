import { grpc } from '../grpc.ts';
import { OutgoingMessage } from './outgoing-message.ts';
import type { Method, ServerCall } from './server-call.ts';
import { StatusError } from './status-error.ts';

type Codecs<Request, Reply> = Pick<grpc.MethodDefinition<Request, Reply>, 'requestDeserialize' | 'responseSerialize'>;

/** A request that is not whole within this costs memory for nothing. */
const wholeWithinMs = 15_000;

/**
 * A method with one request and one reply. `admit` lets a call in before its request is here, and says whose it is. What
 * `answer` fails with, other than a StatusError, is INTERNAL. A request may be `mostBytes` long, and no longer than the
 * server's messages may be.
 */
export function unary<Request, Reply, Caller>(
  { requestDeserialize: decode, responseSerialize: encode }: Codecs<Request, Reply>,
  admit: (call: ServerCall<Request>) => Caller | StatusError,
  answer: (request: Request, caller: Caller) => Promise<Reply>,
  mostBytes = Number.POSITIVE_INFINITY,
): Method<Request> {
  return {
    decode,
    mostBytes,
    open: (call) => {
      const caller = admit(call);
      if (caller instanceof StatusError) return caller;
      let isAsked = false;
      const timer = setTimeout(() => {
        call.end(grpc.status.DEADLINE_EXCEEDED, `the request was not whole within ${wholeWithinMs / 1000} s`);
      }, wholeWithinMs);
      timer.unref();
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
          clearTimeout(timer);
          void reply(request);
        },
        onEnd: () => {
          clearTimeout(timer);
          if (!isAsked) call.end(grpc.status.INVALID_ARGUMENT, 'a call has one request');
        },
        onCancel: () => clearTimeout(timer),
      };
    },
  };
}
