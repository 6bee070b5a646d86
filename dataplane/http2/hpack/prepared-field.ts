import { hashField, hashName } from './field-hash.ts';
import { separatorLength } from './field-sink.ts';
import { Words } from './words.ts';

export const Indexing = { auto: 0, never: 1, without: 2 } as const;
export type Indexing = (typeof Indexing)[keyof typeof Indexing];

export type PreparedField = {
  readonly line: Words;
  readonly nameLength: number;
  readonly valueFrom: number;
  readonly valueTo: number;
  readonly nameHash: number;
  readonly hash: number;
  readonly indexing: Indexing;
};

export function prepareField(name: string, value: string, indexing: Indexing): PreparedField {
  const line = new Words(Buffer.from(`${name.toLowerCase()}: ${value}`, 'latin1'));
  const nameHash = hashName(line.view, 0, name.length);
  const valueFrom = name.length + separatorLength;
  const hash = hashField(nameHash, line.view, valueFrom, line.bytes.length);
  return { line, nameLength: name.length, valueFrom, valueTo: line.bytes.length, nameHash, hash, indexing };
}
