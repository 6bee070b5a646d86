import { type Invocation, UsageError } from '../../cli/command.ts';

/** A number flag within bounds; throws a UsageError that names the flag and the bounds. */
export function numberFlag(
  invocation: Invocation,
  name: string,
  { min, max, isWhole = true }: { min: number; max: number; isWhole?: boolean },
): number {
  const text = invocation.flag(name) ?? '';
  const value = text === '' ? Number.NaN : Number(text);
  if (!(value >= min && value <= max) || (isWhole && !Number.isInteger(value)))
    throw new UsageError(
      `--${name} must be ${isWhole ? 'a whole number' : 'a number'} from ${min} to ${max}; got "${text}"`,
    );
  return value;
}

/** A list such as `a,b`, in the order of `known`; all of them when the flag is not given. */
export function listFlag<T extends string>(invocation: Invocation, name: string, known: readonly T[]): T[] {
  const text = invocation.flag(name);
  if (text === undefined) return [...known];
  const words = text.split(',').map((word) => word.trim());
  const stranger = words.find((word) => !(known as readonly string[]).includes(word));
  if (stranger !== undefined) throw new UsageError(`--${name} knows ${known.join(', ')}; got "${stranger}"`);
  return known.filter((word) => words.includes(word));
}
