import type { Issue, Parsed } from '../../shared/errors/problem.ts';
import { type FastifyInstance, newHttpServer, sendProblem } from '../../shared/http/fastify.ts';
import { type Assets, contentSecurityPolicy } from '../dashboard/assets.ts';
import type { Registry } from '../metrics/prom.ts';
import type { TraceStore } from './trace-store.ts';
import { listServices, listTraces, type TraceFilter, viewTrace } from './trace-view.ts';

export type TraceApiParts = {
  readonly store: TraceStore;
  readonly registry: Registry;
  readonly assets: Assets;
  readonly isReady: () => boolean;
};

/** The JSON API, the page and the admin paths; not listening yet. */
export function newTraceApi({ store, registry, assets, isReady }: TraceApiParts): FastifyInstance {
  // An idle keep-alive connection must not hold up the end of the process.
  const server = newHttpServer({ forceCloseConnections: 'idle', keepAliveTimeout: 75_000 });
  server.get('/healthz', (_request, reply) => reply.type('text/plain').send('ok\n'));
  server.get('/readyz', (_request, reply) =>
    isReady() ? reply.type('text/plain').send('ok\n') : reply.status(503).type('text/plain').send('stopping\n'),
  );
  server.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));

  server.get<{ Querystring: Record<string, unknown> }>('/api/traces', (request, reply) => {
    const filter = readFilter(request.query);
    if (filter.ok) return reply.send({ traces: listTraces(store, filter.value), kept: store.traceCount });
    return sendProblem(reply, {
      type: 'about:blank',
      title: 'The query is not valid',
      status: 400,
      detail: filter.issues.map(({ pointer, message }) => `${pointer.slice(1)} ${message}`).join('; '),
      errors: filter.issues,
    });
  });
  server.get<{ Params: { traceId: string } }>('/api/traces/:traceId', (request, reply) => {
    const { traceId } = request.params;
    if (!/^[0-9a-fA-F]{32}$/.test(traceId))
      return sendProblem(reply, {
        type: 'about:blank',
        title: 'Not a trace id',
        status: 400,
        detail: 'a trace id is 32 hex digits',
      });
    const trace = store.get(traceId.toLowerCase());
    if (trace) return reply.send(viewTrace(trace));
    return sendProblem(reply, {
      type: 'about:blank',
      title: 'No such trace',
      status: 404,
      detail: `no span of trace ${traceId} is kept here; it may not have come in yet, or has left to make room`,
    });
  });
  server.get('/api/services', (_request, reply) => reply.send({ services: listServices(store) }));

  for (const [path, { contentType, body }] of assets) {
    server.get(path, (_request, reply) =>
      reply
        .headers({
          'content-type': contentType,
          'content-security-policy': contentSecurityPolicy,
          'x-content-type-options': 'nosniff',
          'referrer-policy': 'no-referrer',
          'cache-control': 'no-cache',
        })
        .send(body),
    );
  }
  return server;
}

const defaultLimit = 50;
const mostTraces = 1_000;

/** Reads the query of the trace list; a name that is unknown or comes twice is an issue, too. */
export function readFilter(query: Readonly<Record<string, unknown>>): Parsed<TraceFilter> {
  const issues: Issue[] = [];
  const number = (name: string, text: string, most = Number.MAX_SAFE_INTEGER): number => {
    const value = /^[0-9]{1,16}(\.[0-9]{1,9})?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value <= most)) issues.push({ pointer: `/${name}`, message: `must be a number from 0 to ${most}` });
    return value;
  };
  const readers: Readonly<Record<string, (text: string) => Partial<TraceFilter>>> = {
    service: (text) => ({ service: text }),
    minDurationMs: (text) => ({ minDurationMs: number('minDurationMs', text) }),
    maxDurationMs: (text) => ({ maxDurationMs: number('maxDurationMs', text) }),
    sinceMs: (text) => ({ sinceMs: number('sinceMs', text) }),
    untilMs: (text) => ({ untilMs: number('untilMs', text) }),
    error: (text) => {
      if (text !== 'true' && text !== 'false') issues.push({ pointer: '/error', message: 'must be true or false' });
      return { error: text === 'true' };
    },
    limit: (text) => {
      const limit = number('limit', text, mostTraces);
      if (limit < 1 || !(Number.isInteger(limit) || Number.isNaN(limit)))
        issues.push({ pointer: '/limit', message: `must be a whole number from 1 to ${mostTraces}` });
      return { limit };
    },
  };
  let filter: TraceFilter = { limit: defaultLimit };
  for (const [name, value] of Object.entries(query)) {
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (!read)
      issues.push({ pointer: `/${name}`, message: `is not known here; known are ${Object.keys(readers).join(', ')}` });
    else if (typeof value !== 'string') issues.push({ pointer: `/${name}`, message: 'must be given once' });
    else if (value !== '') filter = { ...filter, ...read(value) }; // an empty field of a form does not restrict
  }
  return issues.length > 0 ? { ok: false, issues } : { ok: true, value: filter };
}
