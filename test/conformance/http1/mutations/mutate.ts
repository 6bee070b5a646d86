import { chunkLines, colons, framingLines, lineEnds, numbers, oddBytes, oddStrings, startLines } from './pieces.ts';
import type { Random } from './random.ts';

/** Ways to make a message wrong, or right in an odd way. Text of one character a byte; all by the numbers of `random`. */
type Mutation = (text: string, random: Random, others: readonly string[]) => string;

const mostSize = 200_000;

/** Mutates a message, most often once, up to four times; `others` are messages that pieces are taken from. */
export function mutate(text: string, random: Random, others: readonly string[]): string {
  let result = text;
  for (let left = random.oneIn(2) ? 1 : 1 + random.below(4); left > 0; left--) {
    result = random.pick(mutations)(result, random, others);
    if (result.length > mostSize) return result.slice(0, mostSize);
  }
  return result;
}

const splice = (text: string, from: number, to: number, piece: string) => text.slice(0, from) + piece + text.slice(to);
const anywhere = (text: string, random: Random) => random.below(text.length + 1);

function flipBit(text: string, random: Random): string {
  if (text.length === 0) return text;
  const at = random.below(text.length);
  return splice(text, at, at + 1, String.fromCharCode(text.charCodeAt(at) ^ (1 << random.below(8))));
}

function replaceByte(text: string, random: Random): string {
  const at = anywhere(text, random);
  return splice(text, at, at + 1, random.oneIn(4) ? String.fromCharCode(random.below(256)) : random.pick(oddBytes));
}

function insert(text: string, random: Random): string {
  const at = anywhere(text, random);
  return splice(text, at, at, random.oneIn(2) ? random.pick(oddBytes) : random.pick(oddStrings));
}

function remove(text: string, random: Random): string {
  const at = anywhere(text, random);
  return splice(text, at, at + (random.oneIn(3) ? 1 + random.below(8) : 1), '');
}

function truncate(text: string, random: Random): string {
  return text.slice(0, anywhere(text, random));
}

/** Where a line begins, `\r\n` at its end. */
function lineAt(text: string, random: Random): { from: number; to: number } {
  const near = anywhere(text, random);
  const before = text.lastIndexOf('\r\n', near - 2);
  const from = before === -1 ? 0 : before + 2;
  const end = text.indexOf('\r\n', from);
  return { from, to: end === -1 ? text.length : end + 2 };
}

function repeatLine(text: string, random: Random): string {
  const { from, to } = lineAt(text, random);
  return splice(text, to, to, text.slice(from, to));
}

function removeLine(text: string, random: Random): string {
  const { from, to } = lineAt(text, random);
  return splice(text, from, to, '');
}

function moveLine(text: string, random: Random): string {
  const { from, to } = lineAt(text, random);
  const without = splice(text, from, to, '');
  const at = lineAt(without, random).from;
  return splice(without, at, at, text.slice(from, to));
}

function changeLineEnd(text: string, random: Random): string {
  const { to } = lineAt(text, random);
  return splice(text, to - 2, to, random.pick(lineEnds));
}

function changeColon(text: string, random: Random): string {
  const { from, to } = lineAt(text, random);
  const colon = text.slice(from, to).indexOf(':');
  return colon === -1 ? text : splice(text, from + colon, from + colon + 1, random.pick(colons));
}

function changeNumber(text: string, random: Random): string {
  const starts = [...text.slice(0, 4096).matchAll(/[0-9]+/g)];
  if (starts.length === 0) return text;
  const match = random.pick(starts);
  const value = Number(match[0]);
  const near = [value + 1, value - 1, value * 2, value + 2].map(String);
  const next = random.oneIn(3) ? random.pick(near) : random.pick(numbers);
  return splice(text, match.index, match.index + match[0].length, next);
}

function addFramingLine(text: string, random: Random): string {
  const headEnd = text.indexOf('\r\n\r\n');
  const first = text.indexOf('\r\n') + 2;
  // Mostly within the head, at the start of a line.
  const at =
    random.oneIn(8) || headEnd === -1 ? lineAt(text, random).from : lineAt(text.slice(0, headEnd + 2), random).to;
  const place = at === 0 && !random.oneIn(8) ? first : at;
  return splice(text, place, place, `${random.pick(framingLines)}${random.oneIn(10) ? random.pick(lineEnds) : '\r\n'}`);
}

function changeChunk(text: string, random: Random): string {
  const lines = [...text.slice(0, 8192).matchAll(/\r\n([0-9A-Fa-f]+)([^\r\n]*)\r\n/g)];
  if (lines.length === 0) return text;
  const match = random.pick(lines);
  const end = match.index + match[0].length;
  switch (random.below(4)) {
    case 0:
      return splice(text, end - 2, end, random.pick(lineEnds));
    case 1:
      return splice(text, match.index, match.index + 2, random.pick(lineEnds));
    default:
      return splice(text, match.index + 2, end - 2, random.pick(chunkLines));
  }
}

function spliceMessages(text: string, random: Random, others: readonly string[]): string {
  const other = random.pick(others);
  switch (random.below(4)) {
    case 0:
      return text + other;
    case 1:
      return text.slice(0, anywhere(text, random)) + other.slice(anywhere(other, random));
    case 2: {
      const at = anywhere(text, random);
      return splice(text, at, at, other);
    }
    default:
      return text + text;
  }
}

function addHuge(text: string, random: Random): string {
  if (!random.oneIn(4)) return insert(text, random); // big ones take the time of many
  const at = random.oneIn(3) ? anywhere(text, random) : lineAt(text, random).from;
  const size = random.pick([300, 2000, 8192, 17_000, 66_000]);
  switch (random.below(4)) {
    case 0:
      return splice(text, at, at, `X-Huge: ${'x'.repeat(size)}\r\n`);
    case 1:
      return splice(text, at, at, `${'n'.repeat(size)}: x\r\n`);
    case 2:
      return splice(text, at, at, 'X-Many: y\r\n'.repeat(random.pick([20, 32, 33, 99, 101, 300])));
    default:
      return splice(
        text,
        at,
        at,
        random.pick(['/', 'a', ' ', '\r\n', '0', 'A:b\r\n', ',', ';']).repeat(random.pick([40, 300, 2000])),
      );
  }
}

function changeStartLine(text: string, random: Random): string {
  const isReply = text.startsWith('HTTP/') !== random.oneIn(16);
  const end = text.indexOf('\r\n');
  if (end === -1) return text;
  const fitting = startLines.filter((line) => /^(HTTP|ICY)/.test(line) === isReply);
  return splice(text, 0, end, random.pick(fitting));
}

function changeName(text: string, random: Random): string {
  const { from, to } = lineAt(text, random);
  const colon = text.slice(from, to).indexOf(':');
  if (colon === -1) return text;
  const name = text.slice(from, from + colon);
  const changed = random.pick([
    name.toLowerCase(),
    name.toUpperCase(),
    name.replaceAll('-', '_'),
    `${name}\0`,
    `${name}\x80`,
    `x${name}`,
    '',
  ]);
  return splice(text, from, from + colon, changed);
}

const mutations: readonly Mutation[] = [
  ...[
    flipBit,
    replaceByte,
    insert,
    remove,
    truncate,
    repeatLine,
    removeLine,
    moveLine,
    changeLineEnd,
    changeColon,
    changeNumber,
  ],
  ...[
    addFramingLine,
    addFramingLine,
    changeChunk,
    changeChunk,
    spliceMessages,
    addHuge,
    changeStartLine,
    changeName,
    changeNumber,
  ],
];
