/** One line a fact on stderr: time, level, what happened, its data. Quiet enough to be read. */
export type Log = {
  info(message: string, data?: Readonly<Record<string, unknown>>): void;
  warn(message: string, data?: Readonly<Record<string, unknown>>): void;
};

/** Longest text of one value; the rest is cut, so that nobody can flood the log. */
const mostText = 512;

export function logTo(stream: { write(line: string): unknown }, process: string): Log {
  const write = (level: string, message: string, data?: Readonly<Record<string, unknown>>) => {
    const fields = Object.entries(data ?? {}).map(([key, value]) => ` ${key}=${show(value)}`);
    stream.write(`${new Date().toISOString()} ${level} ${process}: ${message}${fields.join('')}\n`);
  };
  return {
    info: (message, data) => write('info', message, data),
    warn: (message, data) => write('warn', message, data),
  };
}

/** JSON escapes control characters, so a value cannot forge a line. */
function show(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
  const cut = text.length > mostText ? `${text.slice(0, mostText)}...` : text;
  return /^[\w.:/@+-]+$/.test(cut) ? cut : JSON.stringify(cut);
}
