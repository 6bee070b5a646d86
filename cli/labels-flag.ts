import { UsageError } from './command.ts';

/** `version=v2` and the like as labels; their names and values are not checked here. */
export function labelsOf(pairs: readonly string[], flag: string): Record<string, string> {
  const labels = new Map<string, string>();
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`${flag} takes KEY=VALUE pairs; got "${pair}"`);
    labels.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return Object.fromEntries(labels);
}
