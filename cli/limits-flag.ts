import { UsageError } from './command.ts';

/** `headTimeout=5s,bodyBytes=1000000` as the limits of a Proxy document; the names and values are checked with it. */
export function limitsOf(text: string | undefined): Record<string, string | number> {
  const limits = new Map<string, string | number>();
  for (const pair of (text ?? '').split(',').filter((one) => one !== '')) {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`--limits takes NAME=VALUE pairs; got "${pair}"`);
    const value = pair.slice(at + 1);
    limits.set(pair.slice(0, at), /^[0-9]+$/.test(value) ? Number(value) : value);
  }
  return Object.fromEntries(limits);
}
