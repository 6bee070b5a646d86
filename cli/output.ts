import { type Invocation, type Option, UsageError } from './command.ts';

export function outputOption(forms: readonly string[]): Option {
  return { value: forms.join('|'), short: 'o', text: `How to print it: ${forms.join(', ')}.`, default: forms[0]! };
}

/** The form that `-o` asks for. */
export function readOutput(invocation: Pick<Invocation, 'flag'>, forms: readonly string[]): string {
  const form = invocation.flag('output')!;
  if (forms.includes(form)) return form;
  throw new UsageError(`-o must be one of ${forms.join(', ')}; got "${form}"`);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
