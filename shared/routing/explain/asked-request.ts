import type { Issue, Parsed } from '../../errors/problem.ts';
import { hostOfAuthority } from '../authority.ts';
import type { RequestView } from '../request-view.ts';

/** A request that somebody asks about, in plain data. Names of header fields are lower case. */
export type AskedRequest = {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
};

const mostHeaders = 100;
const url = /^(?:https?:\/\/|(?!https?:\/\/))([^/?#]+)([^?#]*)(?:\?([^#]*))?$/i;
const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}):[ \t]*([^\0\r\n]{0,8192})$/;

/**
 * Reads a request as people write it: a method, a URL whose scheme may be left out, and fields as `name: value`. A Host
 * among them names the host, as it does for a proxy. The pointer of an issue is `/method`, `/url` or `/header/N`.
 */
export function readAskedRequest(method: string, target: string, fields: readonly string[]): Parsed<AskedRequest> {
  const issues: Issue[] = [];
  if (!/^[A-Z][A-Z0-9_-]{0,31}$/.test(method))
    issues.push({ pointer: '/method', message: `must be a method in capitals, such as GET; got ${show(method)}` });
  const parts = /^[\x21-\x7e]{1,16384}$/.test(target) ? url.exec(target) : null;
  if (parts === null)
    issues.push({
      pointer: '/url',
      message: `must be a URL such as http://cart/v2/items?page=1, with what is no ASCII as %XX; got ${show(target)}`,
    });
  const headers = new Map<string, string>();
  if (fields.length > mostHeaders) issues.push({ pointer: '/header', message: `must be ${mostHeaders} at most` });
  for (const [i, text] of fields.slice(0, mostHeaders).entries()) {
    const [, name, value] = field.exec(text) ?? [];
    if (name === undefined || value === undefined)
      issues.push({ pointer: `/header/${i}`, message: `must be a field such as "x-user: ada"; got ${show(text)}` });
    else addField(headers, name.toLowerCase(), value.trimEnd());
  }
  const authority = headers.get('host') ?? parts?.[1] ?? '';
  const host = hostOfAuthority(authority);
  if (host === null && parts !== null)
    issues.push({ pointer: '/url', message: `${show(authority)} is no host and port` });
  if (issues.length > 0 || host === null || parts === null) return { ok: false, issues };
  const [, , path, query = ''] = parts;
  return { ok: true, value: { method, host, path: path || '/', query, headers: Object.fromEntries(headers) } };
}

/** What a matcher may ask of it. */
export function viewOf({ headers, ...request }: AskedRequest): RequestView {
  return { ...request, header: (name) => (Object.hasOwn(headers, name) ? headers[name]! : null) };
}

/** Several lines of a field are one value, as `RequestView` has them. */
function addField(headers: Map<string, string>, name: string, value: string): void {
  const before = headers.get(name);
  headers.set(name, before === undefined ? value : `${before}${name === 'cookie' ? ';' : ','} ${value}`);
}

function show(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}
