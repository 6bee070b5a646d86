import { textAt } from './grammar.ts';

const methodsByLength: readonly (readonly string[])[] = [
  [],
  [],
  [],
  ['GET', 'PUT'],
  ['POST', 'HEAD'],
  ['PATCH', 'TRACE'],
  ['DELETE'],
  ['OPTIONS', 'CONNECT'],
];

/** The method as a string that is shared for the usual ones. */
export function methodAt(bytes: Buffer, from: number, to: number): string {
  const known = methodsByLength[to - from];
  if (known !== undefined)
    for (const method of known) {
      let i = 0;
      while (i < method.length && method.charCodeAt(i) === bytes[from + i]) i++;
      if (i === method.length) return method;
    }
  return textAt(bytes, from, to);
}
