/** The one door to fastify: nothing is coerced or removed silently, and every refusal is problem+json (RFC 9457). */
import { type FastifyInstance, type FastifyReply, type FastifyServerOptions, fastify } from 'fastify';
import type { Problem } from '../errors/problem.ts';

export { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';

/** Fastify's own defaults would drop unknown fields and turn "1" into 1. */
export const strictOptions: FastifyServerOptions = {
  logger: false,
  ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: true } },
};

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

/** A server with our strict options whose errors and unknown paths are problem+json. */
export function newHttpServer(options: FastifyServerOptions = {}): FastifyInstance {
  const server = fastify({ ...strictOptions, ...options });
  server.setNotFoundHandler((request, reply) =>
    sendProblem(reply, {
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: `nothing is at ${request.method} ${request.url.split('?', 1)[0]}`,
    }),
  );
  server.setErrorHandler((error, _request, reply) => {
    const { statusCode, message } = error as { statusCode?: number; message: string };
    const status = statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? statusCode : 500;
    return sendProblem(reply, {
      type: 'about:blank',
      title: status === 500 ? 'Internal Server Error' : 'Bad Request',
      status,
      detail: message,
    });
  });
  return server;
}
