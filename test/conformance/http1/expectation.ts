import { readBytes } from './bytes.ts';

/** What a forwarded message must be. `any` stands for whatever it is; absent members are not looked at. */
export type Expected = {
  readonly host?: string;
  readonly body?: string;
  readonly has: readonly string[];
  /** The same, with the names in this very case. */
  readonly spelled: readonly string[];
  readonly lacks: readonly string[];
  readonly trailer: readonly string[];
  readonly noTrailer: readonly string[];
};

export type RequestPart =
  | { readonly kind: 'refuse'; readonly statuses: readonly number[] }
  /** The proxy itself is asked, and says something. */
  | { readonly kind: 'answer'; readonly statuses: readonly number[] }
  | ({ readonly kind: 'forward'; readonly method: string; readonly target: string } & Expected)
  | { readonly kind: 'cut' };

export type ReplyPart =
  | { readonly kind: 'fail' }
  | { readonly kind: 'cut' }
  | ({
      readonly kind: 'relay';
      readonly status: number;
      readonly connection: 'reuse' | 'fresh' | 'any';
    } & Expected);

/** `A then B or C`: ways that are right, each a sequence of what happens to the requests in turn. */
export function readRequestExpectation(text: string): RequestPart[][] {
  return split(readWords(text), 'or').map((way) =>
    split(way, 'then').map(([kind, ...words]): RequestPart => {
      switch (kind) {
        case 'refuse':
        case 'answer':
          return { kind, statuses: words.map(Number) };
        case 'forward':
          return { kind, method: words[0]!, target: words[1]!, ...readMembers(words.slice(2)) };
        case 'cut':
          return { kind };
        default:
          throw new Error(`"${text}": a request is refused, answered, forwarded or cut`);
      }
    }),
  );
}

export function readReplyExpectation(text: string): ReplyPart[] {
  return split(readWords(text), 'or').map(([kind, ...words]): ReplyPart => {
    if (kind === 'fail' || kind === 'cut') return { kind };
    if (kind !== 'relay') throw new Error(`"${text}": a reply is relayed, cut, or fails`);
    const connection = words.find((word) => word === 'reuse' || word === 'fresh') ?? 'any';
    const members = words.slice(1).filter((word) => word !== connection);
    return { kind, status: Number(words[0]), connection, ...readMembers(members) };
  });
}

function readMembers(words: readonly string[]): Expected {
  const one: { host?: string; body?: string } = {};
  const lists = {
    has: [] as string[],
    spelled: [] as string[],
    lacks: [] as string[],
    trailer: [] as string[],
    'no-trailer': [] as string[],
  };
  for (const word of words) {
    const name = word.slice(0, word.indexOf('='));
    const value = word.slice(name.length + 1);
    if (name === 'host' || name === 'body') one[name] = value;
    else if (Object.hasOwn(lists, name)) lists[name as keyof typeof lists].push(value);
    else throw new Error(`"${word}" is nothing that is expected of a message`);
  }
  const { has, spelled, lacks, trailer } = lists;
  return { ...one, has, spelled, lacks, trailer, noTrailer: lists['no-trailer'] };
}

/** Words between spaces; quotes hold one together. */
function readWords(text: string): string[] {
  const words = text.match(/(?:"(?:\\.|[^"\\])*"|[^\s"])+/g) ?? [];
  return words.map((word) => readBytes(word.replace(/"((?:\\.|[^"\\])*)"/g, '$1')));
}

function split(words: readonly string[], separator: string): string[][] {
  const parts: string[][] = [[]];
  for (const word of words)
    if (word === separator) parts.push([]);
    else parts.at(-1)!.push(word);
  return parts;
}
