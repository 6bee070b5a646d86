import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readSteps, type Step } from './bytes.ts';
import { type ReplyPart, type RequestPart, readReplyExpectation, readRequestExpectation } from './expectation.ts';

/**
 * The corpus: files of cases, one file a class. A line says by its first word what it is.
 *
 *   # text                                      for people
 *   template NAME                               followed by lines of bytes, with {} for what differs
 *   request NAME                                followed by lines of bytes: what replies are asked for with
 *   group EXPECTED | RFC | TEMPLATE | REQUEST   holds for the cases below it
 *   - NAME | BYTES => EXPECTED                  a case; its bytes go into the template, an expectation of its own is optional
 *   > BYTES                                     a line of bytes; CR LF follow, unless it ends in a backslash
 */
export type Case = {
  readonly class: string;
  readonly name: string;
  readonly rfc: string;
  /** Where it stands: `requests/hosts.txt:12`. */
  readonly place: string;
};

export type RequestCase = Case & {
  readonly steps: readonly Step[];
  readonly ways: readonly (readonly RequestPart[])[];
};

export type ReplyCase = Case & {
  readonly request: Buffer;
  readonly steps: readonly Step[];
  readonly ways: readonly ReplyPart[];
};

const plainGet = 'GET / HTTP/1.1\\r\\nHost: app\\r\\n\\r\\n';

export function requestCases(): RequestCase[] {
  return readFolder('requests').map(({ bytes, expected, request: _, ...known }) => ({
    ...known,
    steps: readSteps(bytes),
    ways: readRequestExpectation(expected),
  }));
}

export function replyCases(): ReplyCase[] {
  return readFolder('replies').map(({ bytes, expected, request, ...known }) => {
    const steps = readSteps(bytes);
    const ways = readReplyExpectation(expected);
    // A cut reply is one whose connection ends; only how it ends has to be said.
    if (ways[0]!.kind === 'cut' && !steps.some((step) => step === 'close' || step === 'reset')) steps.push('close');
    return { ...known, steps, ways, request: Buffer.concat(readSteps(request ?? plainGet) as Buffer[]) };
  });
}

export type WrittenCase = Case & { readonly bytes: string; readonly expected: string; readonly request: string | null };

function readFolder(folder: string): WrittenCase[] {
  return readdirSync(join(import.meta.dirname, folder))
    .sort()
    .flatMap((file) => readClass(`${folder}/${file}`, readFileSync(join(import.meta.dirname, folder, file), 'utf8')));
}

/** Reads one file of cases; throws with the place of what is wrong. */
export function readClass(path: string, text: string): WrittenCase[] {
  const cases: { -readonly [K in keyof WrittenCase]: WrittenCase[K] }[] = [];
  const blocks = { template: new Map<string, string>(), request: new Map<string, string>() };
  let group: { expected: string; rfc: string; template: string; request: string | null } | null = null;
  /** Takes the lines of bytes that follow. */
  let takeLine: ((line: string) => void) | null = null;

  const readLine = (line: string, place: string) => {
    const [word] = line.split(' ', 1) as [string];
    if (line === '' || word === '#') takeLine = null;
    else if (word === '>') {
      if (takeLine === null) throw new Error('bytes that belong to nothing');
      takeLine(line.endsWith('\\') ? line.slice(2, -1) : `${line.slice(2)}\\r\\n`);
    } else if (word === 'template' || word === 'request') {
      const block = blocks[word];
      const name = line.slice(word.length + 1);
      block.set(name, '');
      takeLine = (bytes) => block.set(name, block.get(name)! + bytes);
    } else if (word === 'group') {
      const [expected = '', rfc = '', template = '', request = ''] = line
        .slice(6)
        .split(' |')
        .map((part) => part.trim());
      if (!/^RFC \d+ §[\d.]+$/.test(rfc)) throw new Error(`"${rfc}" is no section of an RFC`);
      group = {
        expected,
        rfc,
        template: template === '' ? '' : known(blocks.template, template),
        request: request === '' ? null : known(blocks.request, request),
      };
      takeLine = null;
    } else if (word === '-') {
      if (group === null) throw new Error('a case outside of a group');
      const arrow = line.lastIndexOf(' => ');
      const head = arrow === -1 ? line.slice(2) : line.slice(2, arrow);
      const bar = `${head} `.indexOf(' | ');
      const one = {
        class: basename(path, '.txt'),
        name: bar === -1 ? head : head.slice(0, bar),
        rfc: group.rfc,
        place,
        bytes: bar === -1 ? '' : group.template.replace('{}', () => head.slice(bar + 3)),
        expected: arrow === -1 ? group.expected : line.slice(arrow + 4),
        request: group.request,
      };
      if (cases.some(({ name }) => name === one.name)) throw new Error(`a second case "${one.name}"`);
      cases.push(one);
      takeLine = (bytes) => {
        one.bytes += bytes;
      };
    } else throw new Error('a line that begins with no word of ours');
  };
  for (const [index, line] of text.split('\n').entries()) {
    const place = `${path}:${index + 1}`;
    try {
      readLine(line, place);
    } catch (error) {
      throw new Error(`${place}: ${(error as Error).message}`, { cause: error });
    }
  }
  return cases;
}

function known(block: ReadonlyMap<string, string>, name: string): string {
  const bytes = block.get(name);
  if (bytes === undefined) throw new Error(`nothing is called "${name}" here`);
  return bytes;
}
