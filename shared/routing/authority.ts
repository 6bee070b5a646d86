import { isIPv6 } from 'node:net';

const form = /^(\[[0-9a-f:.]+\]|(?:[a-z0-9_-]+\.)*[a-z0-9_-]+\.?)(?::([0-9]{0,5}))?$/i;
const mostPort = 65_535;

/**
 * The host of `host [":" port]`, in lower case; null when the text is nothing of that kind. A host is an address or a name as
 * DNS has them. RFC 3986 §3.2.2 would allow more, such as `a%2fb` and `a,b`, which nobody can serve and readers split differently.
 */
export function hostOfAuthority(text: string): string | null {
  const match = form.exec(text);
  if (match === null) return null;
  const [, host = '', port = ''] = match;
  if (host.startsWith('[') && !isIPv6(host.slice(1, -1))) return null;
  return Number(port) <= mostPort ? host.toLowerCase() : null;
}
