import { isIP } from 'node:net';

/** A range of addresses: all that begin with the first `prefix` bits of `address`. */
export type Cidr = { readonly address: string; readonly prefix: number; readonly family: 'ipv4' | 'ipv6' };

/** Reads `10.0.0.0/8`, `2001:db8::/32` or a single address; null when it is none. */
export function parseCidr(text: string): Cidr | null {
  const [address = '', length, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || address.includes('%') || more.length > 0) return null;
  const most = version === 4 ? 32 : 128;
  if (length === undefined) return { address, prefix: most, family: `ipv${version as 4 | 6}` };
  const prefix = Number(length);
  if (!/^[0-9]{1,3}$/.test(length) || prefix > most) return null;
  return { address, prefix, family: `ipv${version as 4 | 6}` };
}
