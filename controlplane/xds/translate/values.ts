import { durationMs } from '../../../shared/time/duration.ts';
import type { Message } from '../codec.ts';

/** Values as google.protobuf writes them. */

export function wrapped<T extends number | boolean>(value: T): { readonly value: T } {
  return { value };
}

export function milliseconds(ms: number): Message {
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 };
}

/** Null for one of no length, which for us is none. */
export function durationOf(text: string): Message | null {
  const ms = durationMs(text);
  return ms === 0 ? null : milliseconds(ms);
}

/** The field with a value, or no field at all. */
export function field(name: string, value: unknown): Message {
  return value === null || value === undefined ? {} : { [name]: value };
}

/** The field with a list, or no field where it is empty. */
export function listField(name: string, list: readonly unknown[]): Message {
  return list.length === 0 ? {} : { [name]: list };
}
