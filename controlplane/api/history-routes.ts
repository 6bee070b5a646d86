import { type FastifyInstance, type FastifyRequest, ProblemError, sendProblem } from '../../shared/http/fastify.ts';
import { authorOf } from '../access/api-guard.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { diffOf } from '../history/diff.ts';
import { actionOf } from '../history/entry.ts';
import { type History, UnknownRevision } from '../history/history.ts';
import { rollBack } from '../history/rollback.ts';
import type { Registry } from '../registry/registry.ts';
import { invalid, toProblem } from './refusal.ts';
import { oneDocument, readNumber, readQuery, readSwitch } from './request.ts';
import { describeDryRun } from './resource-routes.ts';

const longestPage = 1_000;
const usualPage = 20;

/** `/v1/history`, `/v1/diff` and `/v1/rollback`: what the configuration was, and how it is had back. */
export function addHistoryRoutes(
  server: FastifyInstance,
  catalog: Catalog,
  registry: Registry,
  history: History,
): void {
  server.get('/v1/history', (request, reply) => {
    const { limit, before } = readQuery(request, ['limit', 'before']);
    const most = readNumber(limit, 'limit', longestPage) ?? usualPage;
    const items = history.list(most + 1, before === undefined ? undefined : readRevision(before, 'before'));
    const page = items.slice(0, most);
    const more = items.length > most ? { before: page.at(-1)?.revision } : {};
    return reply.send({ items: page, revision: catalog.revision, ...more });
  });

  server.get<{ Params: { revision: string } }>('/v1/history/:revision', async (request, reply) => {
    readQuery(request, []);
    const { revision } = request.params;
    const entry = await history.get(readRevision(revision, 'revision'));
    if (!entry) return sendProblem(reply, missing(`no change of the configuration is known at revision ${revision}`));
    const changes = entry.changes.map((change) => ({ action: actionOf(change), ...change }));
    return reply.send({ ...entry, changes });
  });

  server.get('/v1/diff', async (request, reply) => {
    const query = readQuery(request, ['from', 'to']);
    if (query.from === undefined) throw new ProblemError(invalid('the query parameter "from" is required'));
    const from = readRevision(query.from, 'from');
    const to = query.to === undefined ? catalog.revision : readRevision(query.to, 'to');
    return reply.send({ from, to, resources: await known(diffOf(history, from, to)) });
  });

  server.post('/v1/rollback', async (request, reply) => {
    const query = readQuery(request, ['dryRun', 'confirm']);
    const dryRun = readSwitch(query.dryRun, 'dryRun');
    const revision = revisionOf(request, catalog.revision);
    const options = { dryRun, isAnsweredFor: readSwitch(query.confirm, 'confirm'), ...authorOf(request) };
    const { outcome, kept } = await known(rollBack(revision, history, catalog, registry, options));
    if (!outcome.ok) return sendProblem(reply, toProblem(outcome.refusal));
    if (dryRun) return reply.send({ ...describeDryRun(outcome), kept });
    const { revision: now, effects } = outcome;
    return reply.header('x-meshlane-revision', now).send({ revision: now, effects, kept });
  });
}

function revisionOf(request: FastifyRequest, now: number): number {
  const { revision, ...rest } = (oneDocument(request) ?? {}) as { revision?: unknown };
  const message = `must be a revision of the history, up to ${now}`;
  const unknown = Object.keys(rest).map((field) => ({
    pointer: `/${field}`,
    message: 'unknown field; known here: revision',
  }));
  const isKnown = Number.isSafeInteger(revision) && (revision as number) > 0 && (revision as number) <= now;
  const faults = [...(isKnown ? [] : [{ pointer: '/revision', message }]), ...unknown];
  if (faults.length > 0) throw new ProblemError(invalid('Nothing was rolled back.', faults));
  return revision as number;
}

function readRevision(text: string, name: string): number {
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw new ProblemError(invalid(`"${name}" must be a revision, a whole number; got "${text}"`));
}

async function known<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof UnknownRevision) throw new ProblemError(missing(error.message));
    throw error;
  }
}

function missing(detail: string) {
  return toProblem({ code: 'not_found', detail, issues: [] });
}
