/**
 * The text that bytes are written in: `\r \n \t \s \0 \\ \xHH`, `{3*text}` for text three times over, and `{pause}`,
 * `{close}` and `{reset}` for what a peer does between bytes. Everything else stands for itself.
 */
export type Step = Buffer | 'pause' | 'close' | 'reset';

const escapes: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', s: ' ', '0': '\0', '\\': '\\' };
const actions = new Set(['pause', 'close', 'reset']);

/** Reads a text into bytes and what happens between them. */
export function readSteps(text: string): Step[] {
  const steps: Step[] = [];
  let bytes = '';
  const flush = () => {
    if (bytes !== '') steps.push(Buffer.from(bytes, 'latin1'));
    bytes = '';
  };
  readPieces(text, (piece) => {
    if (!('action' in piece)) bytes += piece.bytes;
    else {
      flush();
      steps.push(piece.action);
    }
  });
  flush();
  return steps;
}

/** Reads a text that has bytes only. */
export function readBytes(text: string): string {
  let bytes = '';
  readPieces(text, (piece) => {
    if ('action' in piece) throw new Error(`{${piece.action}} has no place in "${text}"`);
    bytes += piece.bytes;
  });
  return bytes;
}

type Piece = { readonly bytes: string } | { readonly action: 'pause' | 'close' | 'reset' };

function readPieces(text: string, take: (piece: Piece) => void): void {
  for (let at = 0; at < text.length; ) {
    const char = text[at]!;
    if (char === '\\') {
      const hex = /^\\x([0-9a-f]{2})/.exec(text.slice(at, at + 4));
      const plain = escapes[text[at + 1] ?? ''];
      if (!hex && plain === undefined) throw new Error(`no such escape at "${text.slice(at, at + 10)}"`);
      take({ bytes: hex ? String.fromCharCode(Number.parseInt(hex[1]!, 16)) : plain! });
      at += hex ? 4 : 2;
    } else if (char === '{') {
      const end = closingBrace(text, at);
      const inner = text.slice(at + 1, end);
      const times = /^(\d+)\*/.exec(inner);
      if (times) take({ bytes: readBytes(inner.slice(times[0].length)).repeat(Number(times[1])) });
      else if (actions.has(inner)) take({ action: inner as 'pause' | 'close' | 'reset' });
      else throw new Error(`{${inner}} is neither a repetition nor one of ${[...actions].join(', ')}`);
      at = end + 1;
    } else {
      if (char.charCodeAt(0) > 0x7e) throw new Error(`a byte beyond ASCII that is not escaped in "${text}"`);
      take({ bytes: char });
      at++;
    }
  }
}

function closingBrace(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '{') depth++;
    else if (text[at] === '}' && --depth === 0) return at;
  }
  throw new Error(`a brace that never closes in "${text}"`);
}
