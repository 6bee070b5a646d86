import type { Head } from '../message/head.ts';
import { HeadAssembler } from './head-assembler.ts';

/** Puts trailer sections together: fields alone (RFC 9113 §8.1). */
export class TrailerAssembler extends HeadAssembler<Head> {
  protected override onPseudo(): boolean {
    return false;
  }

  protected override beforeRegular(): void {
    // Nothing stands before the lines.
  }

  /** The block is whole; returns what is wrong with it, or nothing. */
  finish(): string {
    this.closeLines();
    return this.isTooLarge ? 'a trailer section that is too large' : this.fault;
  }
}
