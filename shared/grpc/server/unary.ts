import { grpc } from '../grpc.ts';
import { OutgoingMessage } from './outgoing-message.ts';
import type { Method } from './server-call.ts';

/** An answer other than a reply. */
export class StatusError extends Error {
  readonly code: grpc.status;

  constructor(code: grpc.status, details: string) {
    super(details);
    this.code = code;
  }
}

type Codecs<Request, Reply> = Pick<grpc.MethodDefinition<Request, Reply>, 'requestDeserialize' | 'responseSerialize'>;

/** A method with one request and one reply. What `answer` rejects with, other than a StatusError, is INTERNAL. */
export function unary<Request, Reply>(
  { requestDeserialize: decode, responseSerialize: encode }: Codecs<Request, Reply>,
  answer: (request: Request) => Promise<Reply>,
): Method<Request> {
  return {
    decode,
    open: (call) => {
      let isAsked = false;
      return {
        onMessage: (request) => {
          if (isAsked) return call.end(grpc.status.INVALID_ARGUMENT, 'a call has one request');
          isAsked = true;
          answer(request).then(
            (reply) => {
              call.send(new OutgoingMessage([encode(reply)]));
              call.end(grpc.status.OK);
            },
            (error: unknown) => {
              if (error instanceof StatusError) call.end(error.code, error.message);
              else call.end(grpc.status.INTERNAL, String(error));
            },
          );
        },
        onEnd: () => {
          if (!isAsked) call.end(grpc.status.INVALID_ARGUMENT, 'a call has one request');
        },
        onCancel: () => undefined,
      };
    },
  };
}
