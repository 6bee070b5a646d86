import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Owner } from '../../harness/owner.ts';
import { route } from '../harness/resources.ts';
import { type StaticProxy, type StaticProxyOptions, staticProxy } from '../harness/static-proxy.ts';
import { type Answer, type Call, callerOf, type Handler, originOf, type Pair, speaking } from '../http2/calling.ts';

/** Rules with filters in front of one origin that remembers what it got, each under a host of its own. */

export const allPairs: readonly Pair[] = [
  ['http1', 'http1'],
  ['http1', 'http2'],
  ['http2', 'http1'],
  ['http2', 'http2'],
];

/** What the origin got. */
export type Seen = {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  /** Without the fields of the connection and of the trace, names in lower case, in the order in which they came. */
  readonly lines: readonly (readonly [name: string, value: string])[];
};

export type Filtered = {
  readonly proxy: StaticProxy;
  /** By the place of the rule. */
  call(rule: number, call?: Call): Promise<Answer>;
  /** The requests that came to the origin; those that were looked at are gone. */
  seen(): Seen[];
};

const ofHop = /^(:.*|host|connection|transfer-encoding|content-length|keep-alive|date|traceparent|x-meshlane-.*)$/;

export async function filtered(
  t: Owner,
  [from, to]: Pair,
  rules: readonly object[],
  { answer = fine, resources = [], ...options }: StaticProxyOptions & { answer?: Handler } = {},
): Promise<Filtered> {
  let seen: Seen[] = [];
  const port = await originOf(t, to, (request, reply) => {
    seen.push(seenOf(request));
    return answer(request, reply);
  });
  const routes = rules.map((rule, i) => route(`route-${i}`, [withBackend(rule)], [hostOf(i)]));
  const proxy = await staticProxy(t, { ...options, resources: [...speaking(to, port), ...routes, ...resources] });
  const caller = callerOf(t, from, proxy.port);
  return {
    proxy,
    call: (rule, { fields = {}, ...call } = {}) => {
      const host = from === 'http1' ? { host: hostOf(rule) } : { ':authority': hostOf(rule) };
      return caller({ ...call, fields: { ...host, ...fields } });
    },
    seen: () => {
      const taken = seen;
      seen = [];
      return taken;
    },
  };
}

export function hostOf(rule: number): string {
  return `rule-${rule}.test`;
}

/** `backendFilters` stand at the one backend; what answers by itself has none. */
function withBackend({ backendFilters, ...rule }: { backendFilters?: object[]; filters?: { type: string }[] }): object {
  const answers = rule.filters?.some(({ type }) => type === 'RequestRedirect' || type === 'DirectResponse');
  if (answers) return rule;
  return { ...rule, backends: [{ service: 'app', ...(backendFilters ? { filters: backendFilters } : {}) }] };
}

function fine(_: IncomingMessage, reply: ServerResponse): void {
  reply.writeHead(200, { 'x-kept': 'as it was' }).end('fine');
}

function seenOf({ method = '', url = '', headers, rawHeaders }: IncomingMessage): Seen {
  const lines: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (!ofHop.test(name)) lines.push([name, rawHeaders[i + 1]!]);
  }
  return { method, target: url, host: headers.host ?? String(headers[':authority']), lines };
}
