import { type FastifyInstance, sendProblem } from '../../shared/http/fastify.ts';
import type { XdsHub } from '../xds/xds-hub.ts';
import { toProblem } from './refusal.ts';
import { readQuery } from './request.ts';

/** `GET /v1/xds`: the clients of xDS, what each was sent and refused, and what of the mesh they cannot be told. */
export function addXdsRoute(server: FastifyInstance, hub: XdsHub | null): void {
  server.get('/v1/xds', (request, reply) => {
    readQuery(request, []);
    if (hub) return reply.send(hub.status());
    const detail = 'this control plane does not serve xDS; start it with --xds';
    return sendProblem(reply, toProblem({ code: 'not_found', detail, issues: [] }));
  });
}
