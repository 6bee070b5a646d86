import type { ByteSink } from './byte-sink.ts';
import { Indexing, type PreparedField } from './prepared-field.ts';
export class HpackEncoder {
  generation = 0;
  constructor(_tableBytes: number) {}
  limit(_n: number): void {}
  begin(_out: ByteSink): void {}
  field(out: ByteSink, bytes: Buffer, nf: number, nt: number, vf: number, vt: number, indexing: Indexing): void {
    this.#lit(out, bytes.toString('latin1', nf, nt).toLowerCase(), bytes.toString('latin1', vf, vt), indexing);
  }
  prepared(out: ByteSink, f: PreparedField): void {
    const l = f.line as unknown as Buffer;
    this.#lit(out, l.toString('latin1', 0, f.nameLength), l.toString('latin1', f.valueFrom, f.valueTo), 0);
  }
  status(out: ByteSink, s: number): void {
    this.#lit(out, ':status', String(s), 0);
  }
  path(out: ByteSink, b: Buffer, f: number, t: number): void {
    this.#lit(out, ':path', b.toString('latin1', f, t), 0);
  }
  authority(out: ByteSink, b: Buffer, f: number, t: number): void {
    this.#lit(out, ':authority', b.toString('latin1', f, t), 0);
  }
  method(out: ByteSink, b: Buffer, f: number, t: number): void {
    this.#lit(out, ':method', b.toString('latin1', f, t), 0);
  }
  scheme(out: ByteSink, b: Buffer, f: number, t: number): void {
    this.#lit(out, ':scheme', b.toString('latin1', f, t), 0);
  }
  #lit(out: ByteSink, n: string, v: string, indexing: number): void {
    out.reserve(n.length + v.length + 20);
    out.bytes[out.length++] = indexing === Indexing.never ? 0x10 : 0;
    this.#str(out, n);
    this.#str(out, v);
  }
  #str(out: ByteSink, s: string): void {
    let n = s.length;
    if (n < 127) out.bytes[out.length++] = n;
    else {
      out.bytes[out.length++] = 127;
      n -= 127;
      while (n >= 128) {
        out.bytes[out.length++] = (n & 127) | 128;
        n >>>= 7;
      }
      out.bytes[out.length++] = n;
    }
    out.length += out.bytes.write(s, out.length, 'latin1');
  }
}
