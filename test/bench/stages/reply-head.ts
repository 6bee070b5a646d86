import { deepStrictEqual } from 'node:assert/strict';
import { readReplyHead } from '../../../dataplane/http1/read-reply-head.ts';
import { ReplyHead } from '../../../dataplane/message/reply-head.ts';
import { readPlainHead } from './plain-head.ts';
import { headLimits, replyHeads, sampleReplyHead } from './sample-heads.ts';
import type { Stage } from './stage.ts';

export const stage: Stage = {
  name: 'reply-head',
  what: 'read one of three reply heads in turn, take its status and framing',
  plain: 'string, split, Map of fields',
  prepare() {
    const head = new ReplyHead();
    return {
      check() {
        for (const bytes of replyHeads) {
          const fast = sampleReplyHead(bytes);
          const { status, length, isChunked, fields, end } = readPlain(bytes);
          deepStrictEqual(
            [fast.status, fast.contentLength, fast.isChunked, fast.end],
            [status, length, isChunked, end],
          );
          for (const [name, value] of fields) deepStrictEqual(fast.header(name), value);
        }
      },
      runFast(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) {
          const bytes = replyHeads[i % 3]!;
          readReplyHead(head, bytes, 0, bytes.length, headLimits);
          sum += head.end + head.status + head.contentLength;
        }
        return sum;
      },
      runPlain(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) {
          const { end, status, length } = readPlain(replyHeads[i % 3]!);
          sum += end + status + length;
        }
        return sum;
      },
    };
  },
};

function readPlain(bytes: Buffer) {
  const { startLine, fields, end } = readPlainHead(bytes);
  const length = Number(fields.get('content-length') ?? -1);
  return {
    status: Number(startLine.split(' ')[1]),
    length,
    isChunked: fields.get('transfer-encoding') === 'chunked',
    fields,
    end,
  };
}
