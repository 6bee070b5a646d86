import { formatIssues, type Problem } from '../shared/errors/problem.ts';
import { request } from '../shared/http/undici.ts';
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

export type ApiReply = { readonly status: number; readonly body: unknown };

/** Talks to the control API; what it refuses becomes an Error with every pointer and message. */
export class ApiClient {
  readonly base: string;

  constructor({ flag, environment }: Pick<Invocation, 'flag' | 'environment'>) {
    const given = flag('api') ?? (environment['MESHLANE_API'] || '127.0.0.1:15080');
    const at = given.startsWith(':') ? `127.0.0.1${given}` : given;
    const url = URL.parse(/^https?:\/\//.test(at) ? at : `http://${at}`);
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
    try {
      const reply = await request(this.base + path, {
        method,
        headers,
        body,
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

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // not from a control API; the status tells the rest
  }
}
