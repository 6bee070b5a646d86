import { type FastifyInstance, type FastifyRequest, ProblemError, sendProblem } from '../../shared/http/fastify.ts';
import { authorOf } from '../access/api-guard.ts';
import type { Change } from '../catalog/change.ts';
import type { Registry } from '../registry/registry.ts';
import { YamlStream } from './body.ts';
import { invalid, toProblem } from './refusal.ts';
import { readQuery, readSwitch } from './request.ts';
import { describeDryRun } from './resource-routes.ts';

const mostResources = 10_000;

/** `POST /v1/apply`: many resources, all or nothing. */
export function addApplyRoute(server: FastifyInstance, registry: Registry): void {
  server.post('/v1/apply', async (request, reply) => {
    const query = readQuery(request, ['dryRun', 'confirm']);
    const dryRun = readSwitch(query.dryRun, 'dryRun');
    const isAnsweredFor = readSwitch(query.confirm, 'confirm');
    if (request.headers['if-match'] !== undefined || request.headers['if-none-match'] !== undefined)
      throw new ProblemError(invalid('preconditions are for one resource; use PUT with If-Match'));
    const changes = documentsOf(request).map((document): Change => ({ type: 'put', document }));
    const outcome = await registry.apply(changes, {
      dryRun,
      isAnsweredFor,
      pointerOf: (index) => `/resources/${index}`,
      ...authorOf(request),
    });
    if (!outcome.ok) return sendProblem(reply, toProblem(outcome.refusal));
    if (dryRun) return reply.send(describeDryRun(outcome));
    const { revision, effects } = outcome;
    return reply.header('x-meshlane-revision', revision).send({ revision, effects });
  });
}

function documentsOf({ body }: FastifyRequest): readonly unknown[] {
  if (!(body instanceof YamlStream) && (typeof body !== 'object' || body === null || Array.isArray(body))) {
    const message = 'must be an object with resources, such as {"resources": [...]}';
    throw new ProblemError(invalid('Nothing was stored.', [{ pointer: '', message }]));
  }
  const documents: unknown =
    body instanceof YamlStream ? body.documents : (body as { resources?: unknown } | undefined)?.resources;
  if (!(body instanceof YamlStream) && typeof body === 'object' && body !== null) {
    const issues = Object.keys(body)
      .filter((field) => field !== 'resources')
      .map((field) => ({ pointer: `/${field}`, message: 'unknown field; known here: resources' }));
    if (issues.length > 0) throw new ProblemError(invalid('Nothing was stored.', issues));
  }
  if (Array.isArray(documents) && documents.length > 0 && documents.length <= mostResources) return documents;
  const message = `must be a list of 1 to ${mostResources} resources`;
  throw new ProblemError(invalid('Nothing was stored.', [{ pointer: '/resources', message }]));
}
