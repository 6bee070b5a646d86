import { Stream } from '../../../dataplane/http2/stream.ts';

/** A stream that only counts what its writer tells it. */
export class PlainStream extends Stream {
  unblocked = 0;
  endsSent = 0;

  constructor(id: number, sendWindow: number) {
    super();
    this.open(id, sendWindow, 0);
  }

  override onUnblocked(): void {
    this.unblocked++;
  }

  override onEndSent(): void {
    this.endsSent++;
  }
}
