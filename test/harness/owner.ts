/** Whoever owns what the harness opens: a tap test (`t`), or anything else that runs these functions when it ends. */
export type Owner = { teardown(end: () => unknown): unknown };

/** Runs something that needs an owner, and ends what that opened. */
export async function withOwner<T>(run: (owner: Owner) => Promise<T>): Promise<T> {
  const endings: (() => unknown)[] = [];
  try {
    return await run({ teardown: (end) => endings.push(end) });
  } finally {
    for (const end of endings.reverse()) await end();
  }
}

const endings = new Set<() => void>();

/**
 * Runs `end` when this process ends, whichever way but SIGKILL: at its natural end, on a crash, on a signal.
 * It must be synchronous. Returns a function that takes it off again.
 */
export function atProcessEnd(end: () => void): () => void {
  if (endings.size === 0) listen();
  endings.add(end);
  return () => {
    endings.delete(end);
    if (endings.size === 0) stopListening();
  };
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function runEndings(): void {
  for (const end of endings) end();
  endings.clear();
}

/** Ends everything, then lets the signal do what it would have done without us (the test runner listens, too). */
function onSignal(signal: NodeJS.Signals): void {
  runEndings();
  stopListening();
  process.kill(process.pid, signal);
}

function listen(): void {
  process.on('exit', runEndings);
  for (const signal of signals) process.on(signal, onSignal);
}

function stopListening(): void {
  process.off('exit', runEndings);
  for (const signal of signals) process.off(signal, onSignal);
}
