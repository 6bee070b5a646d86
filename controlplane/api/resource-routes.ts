import type { FastifyInstance, FastifyReply, FastifyRequest } from '../../shared/http/fastify.ts';
import { ProblemError, sendProblem } from '../../shared/http/fastify.ts';
import { type Kind, kinds, plurals } from '../../shared/resources/resource.ts';
import { authorOf } from '../access/api-guard.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { ApplyOptions, Change, Outcome } from '../catalog/change.ts';
import type { Registry } from '../registry/registry.ts';
import { invalid, toProblem } from './refusal.ts';
import { etagOf, isFresh, oneDocument, readNumber, readPrecondition, readQuery, readSwitch } from './request.ts';
import type { Watches } from './watches.ts';

const longestPage = 1_000;

type Named = { Params: { name: string } };

/** `/v1/{services|instances|routes|policies}` and `/{name}` below. */
export function addResourceRoutes(
  server: FastifyInstance,
  catalog: Catalog,
  registry: Registry,
  watches: Watches,
): void {
  for (const kind of kinds) {
    const list = `/v1/${plurals[kind]}`;
    const one = `${list}/:name`;
    server.get(list, (request, reply) => listOrWatch(kind, catalog, watches, request, reply));
    server.get<Named>(one, (request, reply) => {
      readQuery(request, []);
      const { name } = request.params;
      const stored = catalog.stored(kind, name);
      if (!stored)
        return sendProblem(
          reply,
          toProblem({ code: 'not_found', detail: `${kind}/${name} does not exist`, issues: [] }),
        );
      reply.header('etag', etagOf(stored.revision));
      if (isFresh(request, stored.revision)) return reply.status(304).send();
      return reply.type('application/json').send(stored.document);
    });
    server.put<Named>(one, async (request, reply) => {
      const options = readOptions(request);
      const document = oneDocument(request);
      const path = { kind, name: request.params.name };
      const change: Change = { type: 'put', document, path, ...readPrecondition(request) };
      return answer(reply, registry, change, options);
    });
    server.delete<Named>(one, async (request, reply) => {
      const options = readOptions(request);
      const change: Change = { type: 'delete', kind, name: request.params.name, ...readPrecondition(request) };
      return answer(reply, registry, change, options);
    });
  }
}

function readOptions(request: FastifyRequest): ApplyOptions {
  const { dryRun, confirm } = readQuery(request, ['dryRun', 'confirm']);
  const isAnsweredFor = readSwitch(confirm, 'confirm');
  return { dryRun: readSwitch(dryRun, 'dryRun'), isAnsweredFor, ...authorOf(request) };
}

async function answer(
  reply: FastifyReply,
  registry: Registry,
  change: Change,
  options: ApplyOptions,
): Promise<FastifyReply> {
  const outcome = await registry.apply([change], options);
  if (!outcome.ok) return sendProblem(reply, toProblem(outcome.refusal));
  if (options.dryRun) return reply.send(describeDryRun(outcome));
  const { action, resource } = outcome.effects[0]!;
  reply.header('x-meshlane-revision', outcome.revision);
  if (action !== 'removed') reply.header('etag', etagOf(resource.revision ?? outcome.revision));
  return reply.status(action === 'created' ? 201 : 200).send(resource);
}

/** What a dry run answers, for one change or many. */
export function describeDryRun({ revision, effects }: Extract<Outcome, { ok: true }>): object {
  return { dryRun: true, detail: 'Checked only; nothing is stored.', revision, effects };
}

function listOrWatch(
  kind: Kind,
  catalog: Catalog,
  watches: Watches,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply | undefined {
  const query = readQuery(request, ['limit', 'continue', 'watch']);
  if (readSwitch(query.watch, 'watch')) {
    if (query.limit !== undefined || query.continue !== undefined)
      throw new ProblemError(invalid('a watch starts with the whole list; leave out limit and continue'));
    if (request.method === 'HEAD') return reply.type('text/event-stream').send();
    return watches.open(kind, reply);
  }
  const limit = readNumber(query.limit, 'limit', longestPage);
  const after = readContinue(query.continue);
  const rest = catalog.sorted(kind).filter(({ resource }) => after === undefined || resource.name > after);
  const page = limit === undefined ? rest : rest.slice(0, limit);
  const last = page.at(-1);
  const isMore = last !== undefined && page.length < rest.length;
  const more = isMore ? `,"continue":${JSON.stringify(toContinue(last.resource.name))}` : '';
  // Each document is encoded already; only the frame is put around them.
  const items = page.map((stored) => stored.document.toString('utf8')).join(',');
  return reply.type('application/json').send(`{"items":[${items}],"revision":${catalog.revision}${more}}`);
}

/** Pages follow the order of names, so one begins right after the last name of the page before, whatever changed meanwhile. */
function toContinue(name: string): string {
  return Buffer.from(JSON.stringify({ after: name })).toString('base64url');
}

function readContinue(token: string | undefined): string | undefined {
  if (token === undefined) return undefined;
  try {
    const { after } = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as { after: unknown };
    if (typeof after === 'string') return after;
  } catch {
    // Told below, like a token of another form.
  }
  throw new ProblemError(invalid('the query parameter "continue" must be the one of a list’s answer'));
}
