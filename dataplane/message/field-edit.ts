import { type FieldName, fieldNameOf } from './field-name.ts';

/**
 * One change of a head's fields, made when configuration changes.
 *
 *   set      takes the place of all lines of its name
 *   add      joins the last line of its name
 *   append   is a line of its own
 *   remove   takes all lines of its name away
 */
export type FieldEdit = {
  readonly action: 'set' | 'add' | 'append' | 'remove';
  /** In lower case. */
  readonly name: string;
  readonly number: FieldName;
  /** Name and value with CRLF; empty for `remove`. */
  readonly line: Buffer;
  /** Where the value begins in it. */
  readonly valueStart: number;
  /** Between the value that is there and the one that joins it. */
  readonly separator: Buffer;
};

const comma = Buffer.from(',');
const semicolon = Buffer.from('; ');
const noBytes = Buffer.alloc(0);

/** Names whose lines cannot be joined: each is a value of its own (RFC 9110 §5.3). */
const unjoined = new Set(['set-cookie']);

export function fieldEdit(action: 'set' | 'add' | 'append', name: string, value: string): FieldEdit {
  const lower = name.toLowerCase();
  return {
    action: action === 'add' && unjoined.has(lower) ? 'append' : action,
    name: lower,
    number: fieldNameOf(lower),
    line: Buffer.from(`${name}: ${value}\r\n`, 'latin1'),
    valueStart: name.length + 2,
    separator: lower === 'cookie' ? semicolon : comma, // RFC 6265 §5.4
  };
}

export function fieldRemoval(name: string): FieldEdit {
  const lower = name.toLowerCase();
  const nothing = { line: noBytes, valueStart: 0, separator: noBytes };
  return { action: 'remove', name: lower, number: fieldNameOf(lower), ...nothing };
}
