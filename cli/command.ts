import { parseArgs } from 'node:util';

/** One flag. `value` is the placeholder shown in the help; a flag without it is a switch. */
export type Option = {
  readonly value?: string;
  readonly short?: string;
  readonly default?: string;
  readonly multiple?: boolean;
  readonly text: string;
};

/** What a command finds when it runs: its flags, its words, and the environment that `main.mjs` read. */
export type Invocation = {
  /** The value of a flag that has one: given, from the environment, or its default. */
  flag(name: string): string | undefined;
  flags(name: string): readonly string[];
  isSet(name: string): boolean;
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
};

export type Command = {
  readonly name: string;
  readonly summary: string;
  /** Words after the flags, as the usage line shows them. */
  readonly words?: string;
  readonly options: Readonly<Record<string, Option>>;
  /** More lines for `--help`: examples, what to do next. */
  readonly details?: string;
  /** Returns the exit code when the command is done; servers resolve when they have stopped. */
  run(invocation: Invocation): Promise<number>;
};

/** The user asked for something that is not there; the message says what to do instead. Exit code 2. */
export class UsageError extends Error {}

export function helpOf(command: Command): string {
  const rows = Object.entries({ ...command.options, help: { short: 'h', text: 'Show this page.' } as Option }).map(
    ([name, option]) => {
      const short = option.short ? `-${option.short}, ` : '    ';
      const flag = `  ${short}--${name}${option.value ? ` ${option.value}` : ''}`;
      return `${flag.padEnd(34)} ${option.text}${option.default === undefined ? '' : ` [${option.default}]`}`;
    },
  );
  const usage = `Usage: meshlane ${command.name} [flags]${command.words ? ` ${command.words}` : ''}`;
  return [
    command.summary,
    '',
    usage,
    '',
    'Flags:',
    ...rows,
    ...(command.details ? ['', command.details] : []),
    '',
  ].join('\n');
}

/** Reads the arguments of a command; throws a UsageError that names the wrong flag. */
export function readInvocation(
  command: Command,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Invocation | 'help' {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string; multiple?: boolean }> = {
    help: { type: 'boolean', short: 'h' },
  };
  for (const [name, option] of Object.entries(command.options))
    options[name] = {
      type: option.value ? 'string' : 'boolean',
      ...(option.short ? { short: option.short } : {}),
      ...(option.multiple ? { multiple: true } : {}),
    };
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('\n')[0]} See: meshlane ${command.name} --help`);
  }
  if (parsed.values['help']) return 'help';
  if (parsed.positionals.length > 0 && !command.words)
    throw new UsageError(`"${parsed.positionals[0]}" is not expected here. See: meshlane ${command.name} --help`);
  const given = parsed.values as Record<string, string | boolean | string[] | undefined>;
  return {
    flag: (name) => {
      const value = given[name];
      return typeof value === 'string' ? value : command.options[name]?.default;
    },
    flags: (name) => {
      const value = given[name];
      return Array.isArray(value) ? value : typeof value === 'string' ? [value] : [];
    },
    isSet: (name) => given[name] !== undefined && given[name] !== false,
    words: parsed.positionals,
    environment,
  };
}
