import { deepStrictEqual } from 'node:assert/strict';
import { readRequestHead } from '../../../dataplane/http1/read-request-head.ts';
import { RequestHead } from '../../../dataplane/message/request-head.ts';
import { readPlainHead } from './plain-head.ts';
import { headLimits, requestHeads, sampleRequestHead } from './sample-heads.ts';
import type { Stage } from './stage.ts';

export const stage: Stage = {
  name: 'request-head',
  what: 'read one of four request heads in turn, take its host and path',
  plain: 'string, split, Map of fields',
  prepare() {
    const head = new RequestHead();
    return {
      check() {
        for (const bytes of requestHeads) {
          const fast = sampleRequestHead(bytes);
          const { method, host, path, fields, end } = readPlain(bytes);
          deepStrictEqual([fast.method, fast.host, fast.path, fast.end], [method, host, path, end]);
          deepStrictEqual(fast.contentLength, Number(fields.get('content-length') ?? -1));
          deepStrictEqual(fast.isChunked, fields.get('transfer-encoding') === 'chunked');
          for (const [name, value] of fields) deepStrictEqual(fast.header(name), value);
        }
      },
      runFast(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) {
          const bytes = requestHeads[i & 3]!;
          readRequestHead(head, bytes, 0, bytes.length, headLimits);
          sum += head.end + head.host.length + head.path.length;
        }
        return sum;
      },
      runPlain(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) {
          const { end, host, path } = readPlain(requestHeads[i & 3]!);
          sum += end + host.length + path.length;
        }
        return sum;
      },
    };
  },
};

function readPlain(bytes: Buffer) {
  const { startLine, fields, end } = readPlainHead(bytes);
  const [method, target = ''] = startLine.split(' ');
  const host = (fields.get('host') ?? '').split(':')[0]!.toLowerCase();
  return { method, host, path: target.split('?')[0]!, fields, end };
}
