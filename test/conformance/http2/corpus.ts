import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Case } from '../http1/corpus.ts';
import { type ExpectedRequest, readExpected } from './expected-request.ts';
import { readFrames } from './frame-lines.ts';

/**
 * The corpus: files of cases, one file a class. A line says by its first word what it is.
 *
 *   # text                              for people
 *   template NAME                       followed by lines of frames and of what the origin must see
 *   group EXPECTED | RFC | TEMPLATE     holds for the cases below it
 *   - NAME | TEXT => EXPECTED           a case; an expectation of its own is optional
 *   > LINE                              a line of frames (`frame-lines.ts`)
 *   < LINE                              a line of what the origin must see (`expected-request.ts`)
 *
 * What a case does not say comes from its template, where `{}` stands for its text. A text of several lines is written
 * with ` ;; ` between them, and the line with `{}` is there once for each.
 */
export type RequestCase = Case & {
  readonly frames: Buffer;
  readonly ways: readonly Way[];
  /** Null when nothing must ever be forwarded. */
  readonly expected: ExpectedRequest | null;
};

/** `refuse` says with which statuses or errors; more are right, but worth a note. */
export type Way =
  | { readonly kind: 'refuse'; readonly with: readonly string[] }
  | { readonly kind: 'forward' }
  /** The caller breaks off what it began. */
  | { readonly kind: 'cut' };

export function requestCases(): RequestCase[] {
  const folder = join(import.meta.dirname, 'requests');
  return readdirSync(folder)
    .sort()
    .flatMap((file) => readClass(`requests/${file}`, readFileSync(join(folder, file), 'utf8')));
}

type Lines = { readonly frames: string[]; readonly seen: string[] };
type Written = Case & {
  readonly expectation: string;
  readonly text: string;
  readonly template: Lines;
  readonly own: Lines;
};

/** Reads one file of cases; throws with the place of what is wrong. */
export function readClass(path: string, text: string): RequestCase[] {
  const written: Written[] = [];
  const templates = new Map<string, Lines>();
  let group: { expectation: string; rfc: string; template: Lines } | null = null;
  let open: Lines | null = null;

  const readLine = (line: string, place: string) => {
    const [word] = line.split(' ', 1) as [string];
    const rest = line.slice(word.length + 1);
    if (line === '' || word === '#') open = null;
    else if (word === '>' || word === '<') {
      if (open === null) throw new Error('a line that belongs to nothing');
      open[word === '>' ? 'frames' : 'seen'].push(rest);
    } else if (word === 'template') {
      open = { frames: [], seen: [] };
      templates.set(rest, open);
    } else if (word === 'group') {
      const [expectation = '', rfc = '', name = ''] = rest.split(' |').map((part) => part.trim());
      if (!/^RFC \d+ §[\d.]+$/.test(rfc)) throw new Error(`"${rfc}" is no section of an RFC`);
      const template = name === '' ? { frames: [], seen: [] } : templates.get(name);
      if (template === undefined) throw new Error(`nothing is called "${name}" here`);
      group = { expectation, rfc, template };
      open = null;
    } else if (word === '-') {
      if (group === null) throw new Error('a case outside of a group');
      const arrow = rest.lastIndexOf(' => ');
      const head = arrow === -1 ? rest : rest.slice(0, arrow);
      const bar = `${head} `.indexOf(' | ');
      const name = bar === -1 ? head : head.slice(0, bar);
      if (written.some((one) => one.name === name)) throw new Error(`a second case "${name}"`);
      open = { frames: [], seen: [] };
      written.push({
        class: basename(path, '.txt'),
        name,
        rfc: group.rfc,
        place,
        expectation: arrow === -1 ? group.expectation : rest.slice(arrow + 4),
        text: bar === -1 ? '' : head.slice(bar + 3),
        template: group.template,
        own: open,
      });
    } else throw new Error('a line that begins with no word of ours');
  };
  for (const [index, line] of text.split('\n').entries())
    atPlace(`${path}:${index + 1}`, (place) => readLine(line, place));
  return written.map((one) => atPlace(one.place, () => readCase(one)));
}

function readCase({ expectation, text, template, own, ...known }: Written): RequestCase {
  const linesOf = (kind: keyof Lines) => (own[kind].length > 0 ? own[kind] : filled(template[kind], text));
  const ways = readWays(expectation);
  const isForwarded = ways.some(({ kind }) => kind === 'forward');
  return {
    ...known,
    frames: readFrames(linesOf('frames')),
    ways,
    expected: isForwarded ? readExpected(linesOf('seen')) : null,
  };
}

function filled(lines: readonly string[], text: string): string[] {
  return lines.flatMap((line) =>
    line.includes('{}') ? text.split(' ;; ').map((part) => line.replace('{}', () => part)) : [line],
  );
}

/** `A or B`. */
function readWays(text: string): Way[] {
  return text.split(' or ').map((way): Way => {
    const [kind, ...words] = way.split(' ');
    if (kind === 'refuse') return { kind, with: words };
    if (kind === 'forward' || kind === 'cut') return { kind };
    throw new Error(`"${text}": a request is refused, forwarded or cut`);
  });
}

function atPlace<T>(place: string, work: (place: string) => T): T {
  try {
    return work(place);
  } catch (error) {
    throw new Error(`${place}: ${(error as Error).message}`, { cause: error });
  }
}
