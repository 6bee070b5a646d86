import { escaped } from '../../../harness/property.ts';

/** Something that went wrong with a mutated message, and what it takes to see it again. */
export type Finding = {
  readonly part: 'codec' | 'wire';
  /** Place in the run; -1 when it cannot be told which message it was. */
  readonly index: number;
  readonly what: string;
  /** What the caller and the instance sent, escaped; null for the one that sent nothing. */
  readonly request: string | null;
  readonly reply: string | null;
  /** What else was seen: bytes, or what the proxy said. */
  readonly seen: string;
};

/** No more are kept: one fault often shows in thousands of messages. */
export const mostFindings = 50;

export type Range = {
  readonly seed: number;
  /** Places in the run, from `from` to below `to`. */
  readonly from: number;
  readonly to: number;
};

/** Who hears of a run while it goes on. */
export type Observer = {
  onFinding(finding: Finding): void;
  onProgress(done: number): void;
};

export function sentBytes(request: Buffer | null, reply: Buffer | null): Pick<Finding, 'request' | 'reply'> {
  return { request: request && escaped(request), reply: reply && escaped(reply) };
}
