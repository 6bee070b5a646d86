import type { Cors as Settings } from '../../shared/resources/filters/cors.ts';
import { type FieldEdit, fieldEdit, fieldRemoval } from '../message/field-edit.ts';
import { type LocalReply, localReply } from '../message/local-reply.ts';
import type { RequestHead } from '../message/request-head.ts';

/** What a reply tells the browser of one origin: as edits of an instance's reply, and as lines of one of ours. */
type Permission = { readonly edits: readonly FieldEdit[]; readonly lines: string };

type Line = readonly [name: string, value: string];

/** A list of origins in which "*" stands for hosts: the text on both sides of it. */
type Wildcard = readonly [before: string, after: string];

/** What "*" stands for: any host, or any labels in front of one. */
const hostText = /^[a-z0-9._-]+$/;
/** An origin as browsers write one. Not `null`, which any page can have that locks itself into a sandbox. */
const originText = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9._:[\]-]+$/;
const methodText = /^[A-Za-z-]{1,32}$/;
const namesText = /^[!#$%&'*+.^_`|~0-9A-Za-z, -]{1,2048}$/;

const vary: Line = ['vary', 'Origin'];
/** An application may have said these itself; the rule decides. */
const cleared = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
].map((name) => fieldRemoval(name));

/** The server's side of the CORS protocol (Fetch Standard §3.3), as Gateway API's HTTPCORSFilter sets it. */
export class Cors {
  readonly #settings: Settings;
  readonly #takesAll: boolean;
  /** What everybody is told, when that does not depend on the origin. */
  readonly #same: Permission | null;
  /** Of the origins that are named. */
  readonly #named: ReadonlyMap<string, Permission>;
  readonly #wildcards: readonly Wildcard[];
  readonly #denied = permission([vary]);

  constructor(settings: Settings) {
    const { allowOrigins, allowCredentials } = settings;
    this.#settings = settings;
    this.#takesAll = allowOrigins.includes('*');
    // Browsers take "*" from nobody who sends credentials.
    this.#same = this.#takesAll && !allowCredentials ? permission(this.#linesFor('*')) : null;
    const named = allowOrigins.filter((origin) => !origin.includes('*'));
    this.#named = new Map(named.map((origin) => [origin, this.#permit(origin)]));
    this.#wildcards = allowOrigins.filter((origin) => origin.includes('*') && origin !== '*').map(wildcard);
  }

  /** The answer to a preflight; null for every other request. */
  preflight(head: RequestHead): LocalReply | null {
    if (head.method !== 'OPTIONS' || head.placeOf('origin') === -1) return null;
    const method = head.header('access-control-request-method');
    if (method === null) return null;
    const reply = localReply('cors_preflight');
    return this.#permissionFor(head) === this.#denied
      ? reply
      : { ...reply, fields: this.#preflightLines(method, head) };
  }

  /** Changes of an instance's reply. */
  editsFor(head: RequestHead): readonly FieldEdit[] {
    return this.#permissionFor(head).edits;
  }

  /** Field lines of a reply of our own. */
  linesFor(head: RequestHead): string {
    return this.#permissionFor(head).lines;
  }

  #permissionFor(head: RequestHead): Permission {
    if (this.#same !== null) return this.#same;
    const origin = head.header('origin');
    if (origin === null) return this.#denied;
    return this.#named.get(origin) ?? (this.#isAllowed(origin) ? this.#permit(origin) : this.#denied);
  }

  #isAllowed(origin: string): boolean {
    return this.#takesAll ? originText.test(origin) : this.#wildcards.some((one) => isOf(one, origin));
  }

  #permit(origin: string): Permission {
    return permission([...this.#linesFor(origin), vary]);
  }

  #linesFor(origin: string): Line[] {
    const { allowCredentials, exposeHeaders } = this.#settings;
    const lines: Line[] = [['access-control-allow-origin', origin]];
    if (allowCredentials) lines.push(['access-control-allow-credentials', 'true']);
    if (exposeHeaders.length > 0) lines.push(['access-control-expose-headers', exposeHeaders.join(', ')]);
    return lines;
  }

  #preflightLines(method: string, head: RequestHead): string {
    const { allowMethods, allowHeaders, maxAge } = this.#settings;
    const names = head.header('access-control-request-headers') ?? '';
    const methods = this.#listFor(allowMethods, method, methodText);
    const headers = this.#listFor(allowHeaders, names, namesText);
    return (
      (methods === '' ? '' : `access-control-allow-methods: ${methods}\r\n`) +
      (headers === '' ? '' : `access-control-allow-headers: ${headers}\r\n`) +
      `access-control-max-age: ${maxAge}\r\n`
    );
  }

  /** With credentials "*" is a name like others, so what was asked for is said in its place. */
  #listFor(allowed: readonly string[], asked: string, form: RegExp): string {
    if (!this.#settings.allowCredentials || !allowed.includes('*')) return allowed.join(', ');
    return form.test(asked) ? asked : '';
  }
}

function permission(lines: readonly Line[]): Permission {
  return {
    edits: [...cleared, ...lines.map(([name, value]) => fieldEdit('append', name, value))],
    lines: lines.map(([name, value]) => `${name}: ${value}\r\n`).join(''),
  };
}

function wildcard(origin: string): Wildcard {
  const at = origin.indexOf('*');
  return [origin.slice(0, at), origin.slice(at + 1)];
}

function isOf([before, after]: Wildcard, origin: string): boolean {
  if (!origin.startsWith(before) || !origin.endsWith(after)) return false;
  return hostText.test(origin.slice(before.length, origin.length - after.length));
}
