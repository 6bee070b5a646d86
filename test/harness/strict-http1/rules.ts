import { isIPv6 } from 'node:net';

export type Field = [name: string, value: string];

export type StrictFraming =
  | { kind: 'none' | 'chunked' | 'close' }
  | { kind: 'length'; length: number }
  | { kind: 'fault'; fault: string };

/** The values of all fields of a name, given in lower case. */
export function valuesOf(fields: readonly Field[], name: string): string[] {
  return fields.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);
}

const requestLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP\/1\.([01])$/;
const statusLine = /^HTTP\/1\.([01]) ([1-5][0-9][0-9]) [\t \x21-\x7e\x80-\xff]*$/;

/** What is wrong with a request's line and Host (RFC 9112 §3), or null. */
export function requestFault(startLine: string, fields: readonly Field[]): string | null {
  const match = requestLine.exec(startLine);
  if (match === null) return 'a request line that is not method, target and version with one space between';
  const [, method, target, minor] = match as unknown as [string, string, string, string];
  const hosts = valuesOf(fields, 'host');
  if (hosts.length > 1) return 'more than one Host';
  if (hosts.length === 0 && minor === '1') return 'no Host';
  if (hosts.length === 1 && hosts[0] !== '' && !isAuthority(hosts[0]!)) return 'a Host that is not a host and port';
  return targetFault(method, target, hosts[0] ?? null);
}

/** RFC 9112 §3.2: which form a target has, and whether the method goes with it. */
function targetFault(method: string, target: string, host: string | null): string | null {
  if (target.includes('#')) return 'a fragment in the target';
  if (method === 'CONNECT')
    return isAuthority(target) && /:[0-9]+$/.test(target) ? null : 'a CONNECT to what is no host and port';
  if (target.startsWith('/')) return null;
  if (target === '*') return method === 'OPTIONS' ? null : 'a target of "*" outside OPTIONS';
  const absolute = /^https?:\/\/([^/?]*)(?:[/?].*)?$/i.exec(target);
  if (absolute === null) return 'a target of no known form';
  if (!isAuthority(absolute[1]!)) return 'a target whose authority is not a host and port';
  if (host !== null && host.toLowerCase() !== absolute[1]!.toLowerCase())
    return 'a Host that is not the authority of the target';
  return null;
}

const regName = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;

/** `host [":" port]` with a host that is there (RFC 3986 §3.2.2, RFC 9110 §4.2.1), and no user before it (§4.2.4). */
export function isAuthority(text: string): boolean {
  const match = /^(\[[^\]]*\]|[^:]*)(?::[0-9]*)?$/.exec(text);
  if (match === null) return false;
  const host = match[1]!;
  if (!host.startsWith('[')) return regName.test(host);
  const address = host.slice(1, -1);
  return /^[0-9A-Fa-f:.]+$/.test(address) && isIPv6(address);
}

/** Where the body of a request ends (RFC 9112 §6.3). */
export function requestFraming(startLine: string, fields: readonly Field[]): StrictFraming {
  const framing = fieldFraming(startLine.endsWith('0'), fields);
  return framing ?? { kind: 'none' };
}

/** Where the body of a reply ends; the method is that of its request (RFC 9112 §6.3). */
export function replyFraming(startLine: string, fields: readonly Field[], method: string): StrictFraming {
  const match = statusLine.exec(startLine);
  if (match === null) return { kind: 'fault', fault: 'a status line that is not version, status and reason' };
  const status = Number(match[2]);
  const framing = fieldFraming(match[1] === '0', fields);
  if (framing?.kind === 'fault') return framing;
  const isInterim = status < 200;
  if (isInterim && match[1] === '0') return { kind: 'fault', fault: 'an interim reply in HTTP/1.0' };
  // RFC 9110 §8.6, RFC 9112 §6.1
  if ((isInterim || status === 204) && framing !== null)
    return { kind: 'fault', fault: `a framing field in a reply with status ${status}` };
  if (method === 'CONNECT' && status >= 200 && status < 300) {
    if (framing !== null) return { kind: 'fault', fault: 'a framing field in a reply that begins a tunnel' };
    return { kind: 'none' };
  }
  if (isInterim || status === 204 || status === 304 || method === 'HEAD') return { kind: 'none' };
  return framing ?? { kind: 'close' };
}

const framingNames = new Set(['content-length', 'transfer-encoding', 'host', 'connection', 'upgrade', 'te', 'trailer']);

/** What Content-Length and Transfer-Encoding say; null when neither is there. */
function fieldFraming(isOld: boolean, fields: readonly Field[]): StrictFraming | null {
  const fault = (text: string): StrictFraming => ({ kind: 'fault', fault: text });
  for (const [name] of fields)
    if (name.includes('_') && framingNames.has(name.toLowerCase().replaceAll('_', '-')))
      return fault(`${name}, which some take for the name with hyphens`);
  const lengths = valuesOf(fields, 'content-length');
  const codings = valuesOf(fields, 'transfer-encoding');
  if (lengths.length > 1) return fault('more than one Content-Length');
  if (codings.length > 1) return fault('more than one Transfer-Encoding');
  if (lengths.length > 0 && codings.length > 0) return fault('both Content-Length and Transfer-Encoding');
  if (codings.length > 0) {
    if (isOld) return fault('Transfer-Encoding in HTTP/1.0');
    return codings[0]!.toLowerCase() === 'chunked' ? { kind: 'chunked' } : fault('a coding that is not chunked');
  }
  if (lengths.length === 0) return null;
  // 15 digits are exact as a number.
  if (!/^[0-9]{1,15}$/.test(lengths[0]!)) return fault('a Content-Length that is not a number');
  return { kind: 'length', length: Number(lengths[0]) };
}
