import { readFileSync } from 'node:fs';
import { formatIssues, type Problem } from '../shared/errors/problem.ts';
import { Agent, type Dispatcher, request } from '../shared/http/undici.ts';
import { type Kind, plurals } from '../shared/resources/resource.ts';
import type { AnyResource } from '../shared/resources/schema.ts';
import { type Invocation, type Option, UsageError } from './command.ts';

/** The flag that every client of the control API has. */
export const apiOption: Option = {
  value: 'HOST:PORT',
  text: 'Control API, as HOST:PORT or URL [environment MESHLANE_API, else 127.0.0.1:15080]',
};

const timeoutMs = 30_000;
const pageSize = 500;

/** The flags of a client of the control API. */
export const clientOptions: Readonly<Record<string, Option>> = {
  api: apiOption,
  'token-file': { value: 'FILE', text: 'Holds the token to show [environment MESHLANE_TOKEN: the token itself]' },
  ca: { value: 'FILE', text: 'Authorities that the certificate of the API must be of, PEM [environment MESHLANE_CA]' },
  cert: { value: 'FILE', text: 'Client certificate to show, PEM [environment MESHLANE_CERT]' },
  key: { value: 'FILE', text: 'Its private key, PEM [environment MESHLANE_KEY]' },
};

export type ApiReply = { readonly status: number; readonly body: unknown };

/** Talks to the control API; what it refuses becomes an Error with every pointer and message. */
export class ApiClient {
  readonly base: string;
  readonly #token: string | null;
  readonly #dispatcher: Dispatcher | null;

  constructor({ flag, environment }: Pick<Invocation, 'flag' | 'environment'>) {
    const file = (name: 'ca' | 'cert' | 'key') => {
      const path = flag(name) ?? (environment[`MESHLANE_${name.toUpperCase()}`] || undefined);
      return path === undefined ? null : readFlagFile(`--${name}`, path);
    };
    const [ca, cert, key] = [file('ca'), file('cert'), file('key')];
    if ((cert === null) !== (key === null)) throw new UsageError('--cert and --key go together');
    const tokenFile = flag('token-file');
    const token = tokenFile === undefined ? environment['MESHLANE_TOKEN'] : readFlagFile('--token-file', tokenFile);
    this.#token = token?.trim() || null;
    const isSecure = ca !== null || cert !== null;
    this.#dispatcher = isSecure
      ? new Agent({
          connect: { ...(ca === null ? {} : { ca }), ...(cert === null || key === null ? {} : { cert, key }) },
        })
      : null;
    const given = flag('api') ?? (environment['MESHLANE_API'] || '127.0.0.1:15080');
    const at = given.startsWith(':') ? `127.0.0.1${given}` : given;
    const url = URL.parse(/^https?:\/\//.test(at) ? at : `${isSecure ? 'https' : 'http'}://${at}`);
    if (!url?.hostname) throw new UsageError(`--api must be HOST:PORT or a URL; got "${given}"`);
    this.base = url.href.replace(/\/$/, '');
  }

  async get(path: string): Promise<unknown> {
    return this.#mustSucceed(await this.call('GET', path));
  }

  /** All resources of a kind, however many pages they take. */
  async list(kind: Kind): Promise<AnyResource[]> {
    const all: AnyResource[] = [];
    for (let after: string | undefined = ''; after !== undefined; ) {
      const path = `/v1/${plurals[kind]}?limit=${pageSize}${after && `&continue=${after}`}`;
      const page = (await this.get(path)) as { items: AnyResource[]; continue?: string };
      all.push(...page.items);
      after = page.continue;
    }
    return all;
  }

  /** `where` may say in other words what a pointer into the request means to the user. */
  async post(
    path: string,
    value: unknown,
    where: (pointer: string) => string = (pointer) => pointer,
  ): Promise<unknown> {
    return this.#mustSucceed(await this.call('POST', path, value), where);
  }

  /** The reply whatever its status. Throws an Error that says what to start when nobody answers. */
  async call(method: 'GET' | 'POST', path: string, value?: unknown): Promise<ApiReply> {
    const body = value === undefined ? null : JSON.stringify(value);
    const headers: Record<string, string> = body === null ? {} : { 'content-type': 'application/json' };
    if (this.#token !== null) headers['authorization'] = `Bearer ${this.#token}`;
    try {
      const reply = await request(this.base + path, {
        method,
        headers,
        body,
        ...(this.#dispatcher ? { dispatcher: this.#dispatcher } : {}),
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      const text = await reply.body.text();
      return { status: reply.statusCode, body: readJson(text) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new Error(
        `no control plane answers at ${this.base} (${code ?? message}); start one with "meshlane control-plane" or "meshlane dev", or name another with --api`,
      );
    }
  }

  #mustSucceed({ status, body }: ApiReply, where = (pointer: string) => pointer): unknown {
    if (status < 300) return body;
    const { title, detail, errors = [] } = (body ?? {}) as Partial<Problem>;
    if (!title) throw new Error(`${this.base} answered ${status}, and not as a control API does; is --api right?`);
    const faults = errors.map(({ pointer, message }) => ({ pointer: where(pointer), message }));
    throw new Error([detail ?? title, ...(faults.length > 0 ? [formatIssues(faults)] : [])].join('\n'));
  }
}

function readFlagFile(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${flag} ${path} cannot be read: ${(error as Error).message}`);
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // not from a control API; the status tells the rest
  }
}
