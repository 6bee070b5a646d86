/** Takes a document of a case apart by its keys. What is missing, of another type, or left over at the end is an error. */
export type Take = {
  /** Undefined when it is not there. */
  value(key: string): unknown;
  /** Without `fallback` it must be there. */
  text(key: string, fallback?: string): string;
  one<Word extends string>(key: string, words: readonly Word[], fallback: Word): Word;
  number(key: string): number;
  /** A text by itself is a list of one. */
  texts(key: string, fallback?: string[]): readonly string[];
  /** Empty when it is not there. */
  list(key: string): readonly unknown[];
  fields(key: string, fallback: Fields): Fields;
  end(): void;
};

/** Values by their names. */
export type Fields = Readonly<Record<string, string>>;

export function takeOf(document: unknown, what: string): Take {
  const left = new Map(Object.entries((document ?? {}) as object));
  const take = (key: string) => {
    const value: unknown = left.get(key);
    left.delete(key);
    return value;
  };
  const typed = <T>(key: string, type: string, is: (value: unknown) => boolean, fallback?: T): T => {
    const value = take(key) ?? fallback;
    if (!is(value)) throw new Error(`${what}: "${key}" must be ${type}, not ${JSON.stringify(value)}`);
    return value as T;
  };
  return {
    value: take,
    text: (key, fallback) => typed(key, 'a text', isText, fallback),
    one: (key, words, fallback) =>
      typed(key, words.join(' or '), (value) => (words as readonly unknown[]).includes(value), fallback),
    number: (key) => typed(key, 'a number', (value) => typeof value === 'number'),
    texts: (key, fallback) => [typed<string | string[]>(key, 'a text or a list of texts', areTexts, fallback)].flat(),
    list: (key) => typed<readonly unknown[]>(key, 'a list', Array.isArray, []),
    fields: (key, fallback) => typed(key, 'fields', areFields, fallback),
    end: () => {
      if (left.size > 0) throw new Error(`${what} has no "${[...left.keys()].join('", "')}"`);
    },
  };
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function areTexts(value: unknown): boolean {
  return isText(value) || (Array.isArray(value) && value.every(isText));
}

function areFields(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every(isText);
}
