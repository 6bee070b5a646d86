import { Socket } from 'node:net';
import { grpc } from '../../shared/grpc/grpc.ts';
import type { PushCaller, PushGuard } from './push-guard.ts';

const gone = new Socket();

/** Stands before the handlers of a server of grpc-js: a call that the guard refuses never reaches one. */
export class CallInterceptor {
  /** By the metadata of a call, which is the one thing that an interceptor and a handler both see. */
  readonly #callers = new WeakMap<grpc.Metadata, PushCaller>();
  readonly intercept: grpc.ServerInterceptor;

  constructor(guard: PushGuard, socketOf: (peer: string) => Socket | undefined) {
    this.intercept = (method, call) => {
      let isIn = false;
      return new grpc.ServerInterceptingCall(call, {
        start: (next) =>
          next({
            onReceiveMetadata: (metadata, pass) => {
              const authorization = metadata.get('authorization')[0]?.toString();
              const caller = guard.admit(method.path, authorization, socketOf(call.getPeer()) ?? gone);
              if (caller instanceof Error) {
                call.sendStatus(caller);
                return;
              }
              isIn = true;
              this.#callers.set(metadata, caller);
              pass(metadata);
            },
            // The handler of a call that was refused does not exist.
            onReceiveMessage: (message, pass) => {
              if (isIn) pass(message);
            },
            onReceiveHalfClose: (pass) => {
              if (isIn) pass();
            },
          }),
      });
    };
  }

  callerOf({ metadata }: { readonly metadata: grpc.Metadata }): PushCaller {
    const caller = this.#callers.get(metadata);
    if (!caller) throw new Error('a call reached its handler past the interceptor');
    return caller;
  }
}
