import type { Field } from './field.ts';
import { huffmanEncode } from './huffman.ts';

/**
 * Representations of HPACK (RFC 7541 §6), one function each. Nothing is chosen and no table is kept: the caller says what
 * it wants, right or wrong, and knows what index it means.
 */

/** §5.1. `first` holds the bits above the prefix. */
export function integer(value: number, prefixBits: number, first = 0): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.of(first | value);
  const bytes = [first | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

/** §5.2. */
export function stringLiteral(text: string, isHuffman = false): Buffer {
  const plain = Buffer.from(text, 'latin1');
  const bytes = isHuffman ? huffmanEncode(plain) : plain;
  return Buffer.concat([integer(bytes.length, 7, isHuffman ? 0x80 : 0), bytes]);
}

/** How the receiver is to treat a literal (§6.2): `add` puts it into its dynamic table. */
export type LiteralKind = 'plain' | 'add' | 'never';

const literalForms = { plain: [4, 0x00], add: [6, 0x40], never: [4, 0x10] } as const;

export function literal([name, value]: Field, kind: LiteralKind = 'plain', isHuffman = false): Buffer {
  const first = Buffer.of(literalForms[kind][1]);
  return Buffer.concat([first, stringLiteral(name, isHuffman), stringLiteral(value, isHuffman)]);
}

/** A literal whose name is the one of an entry. */
export function literalOf(nameIndex: number, value: string, kind: LiteralKind = 'plain', isHuffman = false): Buffer {
  const [prefixBits, first] = literalForms[kind];
  return Buffer.concat([integer(nameIndex, prefixBits, first), stringLiteral(value, isHuffman)]);
}

/** §6.1. Entries of the dynamic table begin at 62, the newest first. */
export function indexed(index: number): Buffer {
  return integer(index, 7, 0x80);
}

/** §6.3. */
export function tableSize(bytes: number): Buffer {
  return integer(bytes, 5, 0x20);
}

/** A header block of plain literals: it neither uses nor changes a table. */
export function headerBlock(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.map((field) => literal(field)));
}
