import { errorTable } from '../../shared/errors/error-table.ts';
import type { RequestRedirect } from '../../shared/resources/filters/path-filters.ts';
import type { Caller } from '../message/caller.ts';
import { hasPath, type PathChange, pathChange } from '../message/changed-path.ts';
import { textAt } from '../message/grammar.ts';
import { type LocalReply, localReply } from '../message/local-reply.ts';
import type { RequestHead } from '../message/request-head.ts';

type Scheme = 'http' | 'https';
const usualPorts: Readonly<Record<Scheme, number>> = { http: 80, https: 443 };
const body = Buffer.from(`${errorTable.redirected.text}\n`);

/** Sends a caller elsewhere, as Gateway API's HTTPRequestRedirectFilter says. */
export class Redirect {
  readonly #settings: RequestRedirect;
  readonly #change: PathChange | null;

  constructor(settings: RequestRedirect, prefixes: readonly string[]) {
    this.#settings = settings;
    this.#change = settings.path === undefined ? null : pathChange(settings.path, prefixes);
  }

  answer(head: RequestHead, caller: Caller): LocalReply {
    const { hostname, statusCode } = this.#settings;
    const host = hostname ?? head.host;
    // A path alone would be read as a host where it begins with "//".
    if (host === '') return localReply('bad_request', 'no Host to redirect to');
    const scheme = this.#settings.scheme ?? schemeOf(head, caller);
    const location = `${scheme}://${host}${this.#portText(head, scheme)}${this.#pathOf(head)}`;
    const fields = `location: ${location}\r\n`;
    return { status: statusCode, reason: 'redirected', contentType: 'text/plain; charset=utf-8', fields, body };
  }

  /** With a colon; empty for the port that everybody takes for this scheme anyway. */
  #portText(head: RequestHead, scheme: Scheme): string {
    const { scheme: given, port = given === undefined ? portOf(head) : usualPorts[given] } = this.#settings;
    return port === 0 || port === usualPorts[scheme] ? '' : `:${port}`;
  }

  /** With the query. */
  #pathOf(head: RequestHead): string {
    if (!hasPath(head)) return '/';
    const path = this.#change === null ? head.path : this.#change(head.path);
    return path + textAt(head.bytes, head.pathEnd, head.targetEnd);
  }
}

/** As the caller's own caller asked, if somebody who may say so says so. */
function schemeOf(head: RequestHead, caller: Caller): Scheme {
  const forwarded = head.header('x-forwarded-proto');
  return forwarded === 'http' || forwarded === 'https' ? forwarded : caller.scheme;
}

/** The port that the caller asked for, 0 when it named none. */
function portOf(head: RequestHead): number {
  return Number(textAt(head.bytes, head.hostStart, head.hostEnd).slice(head.host.length + 1));
}
