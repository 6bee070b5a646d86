import { parseArgs } from 'node:util';
import fc, { type Arbitrary } from 'fast-check';

type Test = { pass(message: string): unknown; fail(message: string): unknown };

/**
 * Checks that `check` throws for no value. The values are the same in every run; `node FILE --seed N --runs N` of a test
 * file draws others, or more. A failure tells seed, path, and the smallest value that fails, as `show` writes it.
 */
export function holdsFor<T>(
  t: Test,
  values: Arbitrary<T>,
  { runs, show }: { runs: number; show: (value: T) => string },
  check: (value: T) => void,
): void {
  const { values: flags } = parseArgs({
    options: { seed: { type: 'string' }, runs: { type: 'string' } },
    strict: false,
  });
  const seed = Number(flags['seed'] ?? 1);
  const numRuns = Number(flags['runs'] ?? runs);
  const property = fc.property(values, (value) => check(value));
  const result = fc.check(property, { seed, numRuns, endOnFailure: false });
  if (!result.failed) return void t.pass(`holds for ${result.numRuns} values`);
  const smallest = result.counterexample === null ? 'no value' : show(result.counterexample[0]);
  const reason = result.errorInstance instanceof Error ? result.errorInstance.message : String(result.errorInstance);
  t.fail(`${reason}\nfor ${smallest}\nwith --seed ${result.seed}, path ${result.counterexamplePath ?? 'none'}`);
}

/** Bytes as text that a terminal and a source file can hold: what is not printable is escaped. */
export function escaped(bytes: Buffer | string): string {
  const text = typeof bytes === 'string' ? bytes : bytes.toString('latin1');
  let result = '';
  for (const char of text) {
    const code = char.charCodeAt(0);
    if (char === '\r') result += '\\r';
    else if (char === '\n') result += '\\n';
    else if (char === '\\') result += '\\\\';
    else if (code < 0x20 || code > 0x7e) result += `\\x${code.toString(16).padStart(2, '0')}`;
    else result += char;
  }
  return result;
}

/** The bytes that `escaped` wrote. */
export function unescaped(text: string): Buffer {
  const plain = text.replace(/\\(r|n|\\|x[0-9a-f]{2})/g, (_, code: string) =>
    code === 'r'
      ? '\r'
      : code === 'n'
        ? '\n'
        : code === '\\'
          ? '\\'
          : String.fromCharCode(Number.parseInt(code.slice(1), 16)),
  );
  return Buffer.from(plain, 'latin1');
}
