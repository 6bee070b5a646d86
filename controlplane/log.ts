/** Where the control plane says what a person should know; tests pass one that remembers. */
export type Log = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

/** One JSON object a line on stderr, so that stdout keeps the `ready:` line alone. */
export const stderrLog: Log = (level, message, fields) => {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
};

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
