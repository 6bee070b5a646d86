import { type ErrorName, usualFrameSize } from '../../harness/http2/frame.ts';
import {
  continuationFrame,
  dataFrame,
  headersFrame,
  headersFrames,
  rstStreamFrame,
} from '../../harness/http2/frame-writer.ts';
import { indexed, type LiteralKind, literal, literalOf, tableSize } from '../../harness/http2/hpack/encode.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';
import { readBytes } from '../http1/bytes.ts';

/**
 * The lines that frames are written in. All are for stream 1; a line of capitals begins a frame, a line that begins with
 * two spaces is a field of it.
 *
 *   HEADERS [END_STREAM] [PADDED] [PRIORITY]   a header block; it is cut into CONTINUATION by itself when it is too long
 *   CONTINUATION                               more of the block, in a frame of its own
 *   DATA [END_STREAM] [PADDED]: BYTES
 *   RST_STREAM: ERROR
 *     NAME: VALUE                              a plain literal; `: VALUE` has an empty name
 *     @huffman, @add, @never NAME: VALUE       other literals: Huffman-coded, added to the table, never to be
 *     @name INDEX: VALUE                       a literal whose name is that of an entry
 *     @index INDEX, @table-size BYTES
 *     @bytes BYTES                             whatever is no representation
 *     @times COUNT NAME: VALUE                 the field so many times
 */
export function readFrames(lines: readonly string[]): Buffer {
  const frames: { name: string; flags: readonly string[]; rest: string; block: Buffer[] }[] = [];
  for (const line of lines) {
    if (line.startsWith('  ')) {
      const last = frames.at(-1);
      if (last === undefined) throw new Error('a field that belongs to no frame');
      last.block.push(readField(line.slice(2)));
      continue;
    }
    const match = /^([A-Z_]+)((?: [A-Z_]+)*)(?::(?: (.*))?)?$/.exec(line);
    if (match === null) throw new Error(`"${line}" is no frame`);
    const [, name = '', flags = '', rest = ''] = match;
    frames.push({ name, flags: flags.split(' ').filter((flag) => flag !== ''), rest, block: [] });
  }
  return Buffer.concat(
    frames.map(({ name, flags, rest, block }, i) => {
      const options = {
        endStream: flags.includes('END_STREAM'),
        ...(flags.includes('PADDED') ? { padding: 8 } : {}),
        ...(flags.includes('PRIORITY') ? { dependsOn: 0 } : {}),
      };
      const bytes = Buffer.concat(block);
      const goesOn = frames[i + 1]?.name === 'CONTINUATION';
      switch (name) {
        case 'HEADERS':
          return goesOn || bytes.length < usualFrameSize / 2
            ? headersFrame(1, bytes, { ...options, endHeaders: !goesOn })
            : headersFrames(1, bytes, options);
        case 'CONTINUATION':
          return continuationFrame(1, bytes, !goesOn);
        case 'DATA':
          return dataFrame(1, readBytes(rest), options);
        case 'RST_STREAM':
          return rstStreamFrame(1, rest as ErrorName);
        default:
          throw new Error(`no frame is called "${name}" here`);
      }
    }),
  );
}

function readField(line: string): Buffer {
  const [word] = line.split(' ', 1) as [string];
  const rest = line.slice(word.length + 1);
  switch (word) {
    case '@huffman':
      return literal(readPair(rest), 'plain', true);
    case '@add':
    case '@never':
      return literal(readPair(rest), word.slice(1) as LiteralKind);
    case '@name': {
      const [index, value] = readPair(rest);
      return literalOf(Number(index), value);
    }
    case '@index':
      return indexed(Number(rest));
    case '@table-size':
      return tableSize(Number(rest));
    case '@bytes':
      return Buffer.from(readBytes(rest), 'latin1');
    case '@times':
      return Buffer.concat(readPairs(line).map((field) => literal(field)));
    default:
      return literal(readPair(line));
  }
}

/** `NAME: VALUE` with the escapes of `readBytes`; a name may begin with a colon, and has no other unless escaped. */
function readPair(text: string): Field {
  const match = /^(:?[^:]*):(?: (.*))?$/s.exec(text);
  if (match === null) throw new Error(`"${text}" is no field`);
  return [readBytes(match[1]!), readBytes(match[2] ?? '')];
}

/** A field, or what `@times` makes of one. */
export function readPairs(line: string): Field[] {
  const times = /^@times (\d+) /.exec(line);
  if (times === null) return [readPair(line)];
  const field = readPair(line.slice(times[0].length));
  return Array.from({ length: Number(times[1]) }, () => field);
}
