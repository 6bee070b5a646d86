import { staticCount, staticIndexOf } from './static-table.ts';

/**
 * Whether a field may enter the table: as this side finds best, never (and nobody behind may put it into one either, RFC
 * 7541 §6.2.3), or not now.
 */
export const Indexing = { auto: 0, never: 1, without: 2 } as const;
export type Indexing = (typeof Indexing)[keyof typeof Indexing];

/** Whoever sees only the length of what is sent could guess what is in a table; short secrets are soon guessed. */
const shortCookie = 20;
const cookie = staticIndexOf('cookie');
const isSecret = new Uint8Array(staticCount + 1);
for (const name of ['authorization', 'proxy-authorization', 'set-cookie']) isSecret[staticIndexOf(name)] = 1;

/** What holds for a field whose name has this index in the static table, or 0 (RFC 7541 §7.1.3). */
export function indexingOf(nameIndex: number, valueLength: number, wanted: Indexing): Indexing {
  if (nameIndex > 0 && (isSecret[nameIndex] === 1 || (nameIndex === cookie && valueLength < shortCookie)))
    return Indexing.never;
  return wanted;
}
