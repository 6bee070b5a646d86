/** The one door to fastify: nothing is coerced or removed silently, and every refusal is problem+json (RFC 9457). */
import { maxHeaderSize, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type FastifyInstance, type FastifyReply, type FastifyServerOptions, fastify } from 'fastify';
import type { Problem } from '../errors/problem.ts';

export { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';

/** Fastify's own defaults would drop unknown fields and turn "1" into 1. */
export const strictOptions: FastifyServerOptions = {
  logger: false,
  ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: true } },
  // Names have up to 253 characters, which may be escaped.
  routerOptions: { maxParamLength: 1024 },
};

/** A refusal that can be thrown from anywhere below a handler. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

/** A problem that needs no words of its own: the status and what to do about it. */
export function plainProblem(status: number, detail: string): Problem {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail };
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

export type HttpServerOptions = FastifyServerOptions & {
  /** Hears of what failed on our side; the client is told no more than that. */
  readonly onFault?: (error: Error, url: string) => void;
};

/** A server with our strict options whose errors and unknown paths are problem+json. */
export function newHttpServer({ onFault, ...options }: HttpServerOptions = {}): FastifyInstance {
  const refuse = (error: unknown, url: string, reply: FastifyReply) => {
    if (error instanceof ProblemError) return sendProblem(reply, error.problem);
    const { statusCode, message } = error as { statusCode?: number; message: string };
    if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
      return sendProblem(reply, plainProblem(statusCode, message));
    onFault?.(error as Error, url);
    return sendProblem(reply, plainProblem(500, 'the request failed on our side; the log says why'));
  };
  const server = fastify({
    ...strictOptions,
    frameworkErrors: (error, request, reply) => void refuse(error, request.url, reply as unknown as FastifyReply),
    clientErrorHandler: refuseUnreadable,
    ...options,
  });
  const methods = methodsByUrl(server);
  server.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!;
    const allowed = [...methods].find(([url]) => matches(url, path))?.[1];
    if (!allowed) return sendProblem(reply, plainProblem(404, `nothing is at ${request.method} ${path}`));
    const allow = [...allowed].sort().join(', ');
    return sendProblem(
      reply.header('allow', allow),
      plainProblem(405, `${path} takes ${allow}, not ${request.method}`),
    );
  });
  server.setErrorHandler((error, request, reply) => refuse(error, request.url, reply));
  return server;
}

const unreadable: Readonly<Record<string, [status: number, detail: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request did not come whole in time'],
  HPE_HEADER_OVERFLOW: [431, `the request head is longer than ${maxHeaderSize} bytes`],
};

/** Answers what is no HTTP request; no handler and no reply exist for it. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const [status, detail] = unreadable[error.code ?? ''] ?? [400, `the request cannot be read: ${error.message}`];
  const body = JSON.stringify(plainProblem(status, detail));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

/** Longest time the requests under way get when a server stops. */
const lastRequestsMs = 2_000;

/**
 * Stops a server: no new requests, and the ones under way have 2 s. Then every connection is cut, since Node waits for
 * one whose request was never sent whole, and no longer counts its time.
 */
export async function closeHttpServer(server: FastifyInstance): Promise<void> {
  const cut = setTimeout(() => server.server.closeAllConnections(), lastRequestsMs);
  try {
    await server.close();
  } finally {
    clearTimeout(cut);
  }
}

function methodsByUrl(server: FastifyInstance): ReadonlyMap<string, ReadonlySet<string>> {
  const methods = new Map<string, Set<string>>();
  server.addHook('onRoute', ({ url, method }) => {
    const of = methods.get(url) ?? new Set();
    for (const one of [method].flat()) of.add(one);
    methods.set(url, of);
  });
  return methods;
}

/** Tells whether a path is one of a route such as `/v1/routes/:name`. */
function matches(url: string, path: string): boolean {
  const wanted = url.split('/');
  const given = path.split('/');
  return wanted.length === given.length && wanted.every((part, i) => part.startsWith(':') || part === given[i]);
}
