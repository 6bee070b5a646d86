import type { ErrorCode } from '../../shared/errors/error-table.ts';
import type { Head } from '../message/head.ts';
import type { LocalReply } from '../message/local-reply.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import type { Downstream } from './downstream.ts';

/** Stands between an exchange and its caller, and passes everything on: for those who change or watch some of it. */
export class PassingDownstream implements Downstream {
  protected readonly caller: Downstream;

  constructor(caller: Downstream) {
    this.caller = caller;
  }

  get isBlocked(): boolean {
    return this.caller.isBlocked;
  }

  get borrows(): boolean {
    return this.caller.borrows;
  }

  sendInterim(head: ReplyHead): void {
    this.caller.sendInterim(head);
  }

  sendHead(head: ReplyHead, hasBody: boolean): void {
    this.caller.sendHead(head, hasBody);
  }

  sendBody(bytes: Buffer, from: number, to: number, isLasting: boolean): void {
    this.caller.sendBody(bytes, from, to, isLasting);
  }

  sendEnd(trailers: Head | null): void {
    this.caller.sendEnd(trailers);
  }

  sendLocal(reply: LocalReply): void {
    this.caller.sendLocal(reply);
  }

  sendUpgrade(head: ReplyHead): void {
    this.caller.sendUpgrade(head);
  }

  sendTunnelOpen(): void {
    this.caller.sendTunnelOpen();
  }

  flush(): void {
    this.caller.flush();
  }

  endTunnel(): void {
    this.caller.endTunnel();
  }

  pauseRequest(): void {
    this.caller.pauseRequest();
  }

  resumeRequest(): void {
    this.caller.resumeRequest();
  }

  onExchangeComplete(): void {
    this.caller.onExchangeComplete();
  }

  abort(cause: ErrorCode): void {
    this.caller.abort(cause);
  }
}
