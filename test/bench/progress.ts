/** Says on stderr what is going on: one line that is overwritten on a terminal, a line each elsewhere. */
export type Progress = {
  readonly status: (text: string) => void;
  /** Something that stays to be read. */
  readonly note: (text: string) => void;
  readonly clear: () => void;
};

export function showProgress(stream: NodeJS.WriteStream): Progress {
  const erase = stream.isTTY ? '\r\x1b[K' : '';
  return {
    status: (text) => stream.write(stream.isTTY ? `${erase}${text}` : `${text}\n`),
    note: (text) => stream.write(`${erase}${text}\n`),
    clear: () => stream.write(erase),
  };
}
