import { deepStrictEqual } from 'node:assert/strict';
import { writeRequestHead } from '../../../dataplane/http1/head-writer.ts';
import type { Caller } from '../../../dataplane/message/caller.ts';
import { OutBuffer } from '../../../dataplane/transport/out-buffer.ts';
import { TraceContext } from '../../../observability/tracing/trace-context.ts';
import { carriedLines, linesFrom, type PlainHead, readPlainHead } from './plain-head.ts';
import { requestHeads, sampleRequestHead } from './sample-heads.ts';
import type { Stage } from './stage.ts';

/** A caller of whom nothing is told: what a listener adds of its own is not part of the comparison. */
const anybody: Caller = { removes: 0, refuses: 0, isTrusted: false, address: Buffer.of(), forwarding: null, via: null };

export const stage: Stage = {
  name: 'request-splice',
  what: 'write the head of a request that was read',
  plain: 'filter lines, Buffer.concat of them',
  prepare() {
    const out = new OutBuffer();
    const trace = new TraceContext();
    trace.begin(false);
    const first = { trace, caller: anybody, isUpgrade: false, remainingMs: 0, attempt: 1 };
    const heads = requestHeads.map((text) => ({ ...first, head: sampleRequestHead(text) }));
    const plainHeads = requestHeads.map(readPlainHead);
    const traceparent = trace.bytes.toString('latin1');
    return {
      check() {
        heads.forEach((head, i) => {
          const plainHead = plainHeads[i]!;
          out.discard();
          writeRequestHead(out, head);
          const fast = Buffer.from(out.bytes.subarray(0, out.length));
          const plain = writePlain(plainHead, traceparent);
          deepStrictEqual(readPlainHead(fast).startLine, readPlainHead(plain).startLine);
          // What the proxy adds by itself may grow; what it carries on has to be the same, in the same order.
          deepStrictEqual(linesFrom(fast, plainHead), linesFrom(plain, plainHead));
          for (const [name, value] of readPlainHead(plain).fields)
            deepStrictEqual(readPlainHead(fast).fields.get(name), value);
        });
      },
      runFast(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) {
          out.discard();
          writeRequestHead(out, heads[i & 3]!);
          sum += out.length;
        }
        return sum;
      },
      runPlain(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += writePlain(plainHeads[i & 3]!, traceparent).length;
        return sum;
      },
    };
  },
};

function writePlain(head: PlainHead, traceparent: string): Buffer {
  const lines = [head.startLine, ...carriedLines(head)];
  const length = head.fields.get('content-length');
  if (length !== undefined) lines.push(`Content-Length: ${length}`);
  if (head.fields.has('transfer-encoding')) lines.push('Transfer-Encoding: chunked');
  lines.push(`traceparent: ${traceparent}`, '');
  return Buffer.concat(lines.map((line) => Buffer.from(`${line}\r\n`, 'latin1')));
}
