import { type FastifyInstance, type FastifyRequest, ProblemError, sendProblem } from '../../shared/http/fastify.ts';
import { peerOf } from '../../shared/transport/peer.ts';
import { toProblem } from '../api/refusal.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { ApplyOptions } from '../catalog/change.ts';
import type { Gate, Refused, Visit, Visitor } from './gate.ts';
import { needOfRequest } from './needs.ts';
import { instanceFault } from './own-instance.ts';

export type ApiGuardOptions = {
  readonly gate: Gate;
  /** Lets everybody read metrics and documentation. */
  readonly openMetrics: boolean;
};

const admitted = new WeakMap<FastifyRequest, { readonly visitor: Visitor; readonly gate: Gate }>();

/** Holds every request to what its sender may do; must be added before any route. */
export function guardApi(server: FastifyInstance, { gate, openMetrics }: ApiGuardOptions): void {
  server.addHook('onRequest', (request, reply, done) => {
    const need = needOfRequest(request.method, request.routeOptions.url, openMetrics);
    if (need === 'open') return done();
    const visit = visitOf(request);
    const visitor = gate.admit(need, visit);
    if ('refused' in visitor) {
      reply.headers(headersOf(visitor));
      return void sendProblem(reply, toProblem({ code: visitor.refused, detail: visitor.detail, issues: [] }));
    }
    admitted.set(request, { visitor, gate });
    // A watch may be open for days, and ends with the right to read.
    const stop = gate.onChange(() => {
      if (typeof gate.again(need, visit) === 'string') request.raw.socket.destroy();
    });
    reply.raw.once('close', stop);
    done();
  });
  server.addHook('onResponse', (request, reply, done) => {
    const { visitor } = admitted.get(request) ?? {};
    const route = request.routeOptions.url;
    const isChange = needOfRequest(request.method, route, openMetrics) !== 'read' && !route?.endsWith('/heartbeat');
    if (visitor && isChange && !gate.hasRecorded(visitor))
      gate.record(visitor, visitOf(request).what, reply.statusCode < 400 ? 'done' : `status ${reply.statusCode}`);
    done();
  });
}

/** What a change needs to know of who sent the request. */
export function authorOf(request: FastifyRequest): Pick<ApplyOptions, 'by' | 'author'> {
  const author = admitted.get(request)?.visitor;
  return author ? { by: author.who, author } : {};
}

/** Throws a problem when the sender may not speak for an instance. */
export function mustOwn(request: FastifyRequest, catalog: Catalog, name: string): void {
  const { visitor, gate } = admitted.get(request) ?? {};
  const fault = visitor ? instanceFault(visitor, catalog, name) : null;
  if (!visitor || fault === null) return;
  gate?.forbid(visitor, [`Instance/${name}`], fault);
  throw new ProblemError(toProblem({ code: 'forbidden', detail: fault, issues: [] }));
}

function visitOf(request: FastifyRequest): Visit {
  const path = request.url.split('?', 1)[0]!;
  return {
    authorization: request.headers.authorization,
    peer: peerOf(request.raw.socket),
    action: `${request.method} ${request.routeOptions.url ?? path}`,
    what: [path],
  };
}

/** RFC 6750 §3: an error is named only to who showed a token. */
function headersOf({ refused, waitMs, isWrong }: Refused): Record<string, string> {
  if (refused === 'slowed') return { 'retry-after': String(Math.ceil(waitMs / 1000)) };
  if (refused === 'forbidden') return {};
  return { 'www-authenticate': `Bearer realm="meshlane"${isWrong ? ', error="invalid_token"' : ''}` };
}
