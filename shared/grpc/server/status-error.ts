import type { grpc } from '../grpc.ts';

/** How a call ends that has no reply. */
export class StatusError extends Error {
  readonly code: grpc.status;

  constructor(code: grpc.status, details: string) {
    super(details);
    this.code = code;
  }
}
