import { type Issue, type Parsed, underPointer } from '../../shared/errors/problem.ts';
import { type FastifyInstance, ProblemError, sendProblem } from '../../shared/http/fastify.ts';
import { type AskedRequest, readAskedRequest } from '../../shared/routing/explain/asked-request.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Change } from '../catalog/change.ts';
import type { Registry } from '../registry/registry.ts';
import { type RecordedRequest, reroutedBy } from '../rollout/routing-plan.ts';
import { invalid, toProblem } from './refusal.ts';
import { readQuery } from './request.ts';
import { describeDryRun } from './resource-routes.ts';

const mostResources = 10_000;
const mostRequests = 10_000;
const mostFaults = 100;
const fields = ['method', 'host', 'authority', 'path', 'headers', 'source'];

/** `POST /v1/plan`: what a change would do to resources, and to requests as they were recorded. Stores nothing. */
export function addPlanRoute(server: FastifyInstance, catalog: Catalog, registry: Registry): void {
  server.post('/v1/plan', async (request, reply) => {
    readQuery(request, []);
    const { body } = request;
    const { resources, requests } = (body ?? {}) as { resources?: unknown; requests?: unknown };
    const recorded = readRequests(mustBeList(requests, '/requests', mostRequests));
    const documents = mustBeList(resources, '/resources', mostResources);
    const changes = documents.map((document): Change => ({ type: 'put', document }));
    const pointerOf = (index: number) => `/resources/${index}`;
    // It tells what would become of the requests, whether or not that is meant.
    const outcome = await registry.apply(changes, { dryRun: true, isAnsweredFor: true, pointerOf });
    if (!outcome.ok) return sendProblem(reply, toProblem(outcome.refusal));
    const rerouted = await reroutedBy(outcome.effects, catalog, recorded);
    return reply.send({ ...describeDryRun(outcome), requests: recorded.length, rerouted });
  });
}

function mustBeList(value: unknown, pointer: string, most: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= most) return value;
  throw new ProblemError(invalid('Nothing was planned.', [{ pointer, message: `must be a list of at most ${most}` }]));
}

function readRequests(list: readonly unknown[]): RecordedRequest[] {
  const faults: Issue[] = [];
  const read = list.flatMap((item, index) => {
    const one = readRecorded(item);
    if (one.ok) return [one.value];
    faults.push(...underPointer(`/requests/${index}`, one.issues));
    return [];
  });
  if (faults.length > 0) throw new ProblemError(invalid('Nothing was planned.', faults.slice(0, mostFaults)));
  return read;
}

/** `{method, host, path, headers, source}`; host may be called authority, and all but it and path may be left out. */
function readRecorded(item: unknown): Parsed<RecordedRequest> {
  if (typeof item !== 'object' || item === null)
    return fault('', 'must be an object such as {"host": "cart", "path": "/"}');
  const unknown = Object.keys(item).filter((field) => !fields.includes(field));
  if (unknown.length > 0) return fault(`/${unknown[0]}`, `unknown field; known here: ${fields.join(', ')}`);
  const {
    method = 'GET',
    authority,
    host = authority,
    path,
    headers = {},
    source = {},
  } = item as Record<string, unknown>;
  if (typeof method !== 'string') return fault('/method', 'must be a text');
  if (typeof host !== 'string') return fault('/host', 'is required');
  if (typeof path !== 'string' || !path.startsWith('/')) return fault('/path', 'must be a path that starts with "/"');
  if (typeof headers !== 'object' || headers === null) return fault('/headers', 'must be an object');
  const caller = readCaller(source);
  if (!caller) return fault('/source', 'must be an object with service, namespace and labels, or some of them');
  const request = asked(method, host, path, headers);
  return request.ok ? { ok: true, value: { request: request.value, caller } } : request;
}

function asked(method: string, host: string, path: string, headers: object): Parsed<AskedRequest> {
  const lines = Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}: ${value}`),
  );
  const request = readAskedRequest(method, `http://${host}${path}`, lines);
  if (request.ok) return request;
  const issues = request.issues.map(({ pointer, message }) => ({
    pointer: pointer.replace(/^\/header.*/, '/headers'),
    message,
  }));
  return { ok: false, issues };
}

function readCaller(source: unknown): RecordedRequest['caller'] | null {
  if (typeof source !== 'object' || source === null) return null;
  const { service = null, namespace = null, labels = {} } = source as Record<string, unknown>;
  const isText = (value: unknown) => value === null || typeof value === 'string';
  if (!isText(service) || !isText(namespace) || typeof labels !== 'object' || labels === null) return null;
  return { service, namespace, labels } as RecordedRequest['caller'];
}

function fault(pointer: string, message: string): { ok: false; issues: Issue[] } {
  return { ok: false, issues: [{ pointer, message }] };
}
