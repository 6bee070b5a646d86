/** A place to listen on or connect to. */
export type Address = { readonly host: string; readonly port: number };

/**
 * Reads `HOST:PORT`, `[IPv6]:PORT` or `:PORT` (on 127.0.0.1). Throws an Error that names what is wrong;
 * `what` is the flag or field it came from.
 */
export function parseAddress(text: string, what: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new Error(`${what} must be HOST:PORT with a port from 0 to 65535; got "${text}"`);
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port };
}

/** The address as a URL's authority writes it. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Turns the error of a failed listen into one line that names the port and the fix. */
export function listenError(error: unknown, address: Address, flag: string): Error {
  const code = (error as NodeJS.ErrnoException).code;
  const at = formatAddress(address);
  if (code === 'EADDRINUSE')
    return new Error(
      `port ${address.port} on ${address.host} is taken; stop what uses it (ss -ltnp 'sport = :${address.port}') or choose another with ${flag}`,
    );
  if (code === 'EACCES') return new Error(`port ${address.port} needs more rights; choose one above 1023 with ${flag}`);
  if (code === 'EADDRNOTAVAIL')
    return new Error(`${address.host} is not an address of this machine; choose another with ${flag}`);
  return new Error(`cannot listen on ${at} (${code ?? String(error)}); choose another address with ${flag}`);
}
