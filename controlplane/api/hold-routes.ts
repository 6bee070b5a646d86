import { type FastifyInstance, type FastifyRequest, ProblemError, sendProblem } from '../../shared/http/fastify.ts';
import { authorOf } from '../access/api-guard.ts';
import type { HoldDesk } from '../holds/hold-desk.ts';
import { invalid, toProblem } from './refusal.ts';
import { oneDocument, readQuery } from './request.ts';

/** `/v1/holds`: what is kept although there is reason to take it away, and the decisions about it. */
export function addHoldRoutes(server: FastifyInstance, holds: HoldDesk): void {
  server.get('/v1/holds', (request, reply) => {
    readQuery(request, []);
    return reply.send({ items: holds.list() });
  });

  server.post<{ Params: { id: string } }>('/v1/holds/:id', async (request, reply) => {
    readQuery(request, []);
    const { id } = request.params;
    const isConfirmed = readDecision(request);
    const by = authorOf(request);
    const outcome = await (isConfirmed ? holds.confirm(id, by) : holds.restore(id, by));
    if (!outcome.ok) return sendProblem(reply, toProblem(outcome.refusal));
    return reply.send({ id, decision: isConfirmed ? 'confirmed' : 'restored', revision: outcome.revision });
  });
}

function readDecision(request: FastifyRequest): boolean {
  const { confirm, ...rest } = (oneDocument(request) ?? {}) as { confirm?: unknown };
  if (typeof confirm === 'boolean' && Object.keys(rest).length === 0) return confirm;
  const message = 'must be {"confirm": true}, which lets go of what is held, or {"confirm": false}, which restores it';
  throw new ProblemError(invalid('Nothing was decided.', [{ pointer: '', message }]));
}
