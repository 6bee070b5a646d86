import { deepStrictEqual } from 'node:assert/strict';
import { ReplyFraming, type ReplyOptions, writeReplyHead } from '../../../dataplane/http1/head-writer.ts';
import { OutBuffer } from '../../../dataplane/transport/out-buffer.ts';
import { carriedLines, linesFrom, type PlainHead, readPlainHead } from './plain-head.ts';
import { replyHeads, sampleReplyHead } from './sample-heads.ts';
import type { Stage } from './stage.ts';

export const stage: Stage = {
  name: 'reply-splice',
  what: 'write the head of a reply that was read',
  plain: 'filter lines, Buffer.concat of them',
  prepare() {
    const out = new OutBuffer();
    const heads = replyHeads.map(sampleReplyHead);
    const options = heads.map(
      ({ isChunked }): ReplyOptions => ({
        framing: isChunked ? ReplyFraming.chunked : ReplyFraming.length,
        saysKeepAlive: false,
        saysClose: false,
        stripsReason: false,
        isUpgrade: false,
      }),
    );
    const plainHeads = replyHeads.map(readPlainHead);
    return {
      check() {
        heads.forEach((head, i) => {
          const plainHead = plainHeads[i]!;
          out.discard();
          writeReplyHead(out, head, options[i]!);
          const fast = Buffer.from(out.bytes.subarray(0, out.length));
          const plain = writePlain(plainHead);
          deepStrictEqual(readPlainHead(fast).startLine, readPlainHead(plain).startLine);
          deepStrictEqual(linesFrom(fast, plainHead), linesFrom(plain, plainHead));
          for (const [name, value] of readPlainHead(plain).fields)
            deepStrictEqual(readPlainHead(fast).fields.get(name), value);
        });
      },
      runFast(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) {
          out.discard();
          writeReplyHead(out, heads[i % 3]!, options[i % 3]!);
          sum += out.length;
        }
        return sum;
      },
      runPlain(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += writePlain(plainHeads[i % 3]!).length;
        return sum;
      },
    };
  },
};

function writePlain(head: PlainHead): Buffer {
  const lines = [head.startLine, ...carriedLines(head)];
  const length = head.fields.get('content-length');
  lines.push(length === undefined ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`, '');
  return Buffer.concat(lines.map((line) => Buffer.from(`${line}\r\n`, 'latin1')));
}
