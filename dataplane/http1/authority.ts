import { isIPv6 } from 'node:net';

const form = /^(\[[0-9a-f:.]+\]|(?:[a-z0-9\-._~!$&'()*+,;=]|%[0-9a-f]{2})*)(:[0-9]{0,5})?$/i;
const mostPort = 65_535;

/**
 * The host of `host [":" port]`, in lower case; null when the text is nothing of that kind (RFC 3986 §3.2.2). Nobody can be
 * reached at a port without a host (RFC 9110 §4.2.1), above 65535, or at an address in brackets that is not IPv6. Text without
 * anything is an empty host: what a request says that asks for none (RFC 9112 §3.2).
 */
export function hostOfAuthority(text: string): string | null {
  const match = form.exec(text);
  if (match === null) return null;
  const [, host = '', port = ''] = match;
  if (host === '' && port !== '') return null;
  if (host.startsWith('[') && !isIPv6(host.slice(1, -1))) return null;
  return Number(port.slice(1)) <= mostPort ? host.toLowerCase() : null;
}
