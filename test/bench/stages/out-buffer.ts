import { deepStrictEqual } from 'node:assert/strict';
import { ascii, OutBuffer } from '../../../dataplane/transport/out-buffer.ts';
import type { Stage } from './stage.ts';

const statusLine = ascii('HTTP/1.1 200 OK\r\n');
const lengthField = ascii('Content-Length: ');
const blankLine = ascii('\r\n\r\n');

export const stage: Stage = {
  name: 'out-buffer',
  what: 'put a small head and 1 kB of body together for one write',
  plain: 'Buffer.from for each piece, Buffer.concat',
  prepare() {
    const out = new OutBuffer();
    const slab = Buffer.alloc(65_536, 'x');
    let sum = 0;
    let last: Buffer = slab;
    const transport = {
      unsentBytes: 0, // the kernel takes everything at once
      write(bytes: Buffer) {
        last = bytes;
        sum += bytes.length;
      },
    };
    const writeFast = () => {
      out.constant(statusLine);
      out.constant(lengthField);
      out.decimal(1024);
      out.constant(blankLine);
      out.copy(slab, 300, 1324);
      out.flushTo(transport as unknown as Parameters<OutBuffer['flushTo']>[0]);
    };
    const writePlain = () => {
      const head = [Buffer.from('HTTP/1.1 200 OK\r\n'), Buffer.from(`Content-Length: ${1024}\r\n\r\n`)];
      transport.write(Buffer.concat([...head, slab.subarray(300, 1324)]));
    };
    return {
      check() {
        writeFast();
        const fast = Buffer.from(last);
        writePlain();
        deepStrictEqual(fast, Buffer.from(last));
      },
      runFast(times) {
        sum = 0;
        for (let i = 0; i < times; i++) writeFast();
        return sum;
      },
      runPlain(times) {
        sum = 0;
        for (let i = 0; i < times; i++) writePlain();
        return sum;
      },
    };
  },
};
