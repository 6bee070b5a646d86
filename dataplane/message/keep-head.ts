import { Head } from './head.ts';
import { ReplyHead } from './reply-head.ts';

/** A copy of a head's fields that stays, for one whose bytes are only good during a call. */
export function keepHead(head: Head): Head {
  const kept = new Head();
  kept.copyFrom(head);
  return kept;
}

/** The same for a reply's head; one that is shared stays anyway. */
export function keepReplyHead(head: ReplyHead): ReplyHead {
  if (head.sharedId !== 0) return head;
  const kept = new ReplyHead();
  kept.copyFrom(head);
  return kept;
}
