import type { Need } from './grant.ts';

/** Open to everybody, or to nobody without a role. */
export type RouteNeed = Need | 'open';

const open: ReadonlySet<string> = new Set(['/', '/healthz', '/readyz']);
/** What `--open-metrics` opens as well. */
const openOnDemand: ReadonlySet<string> = new Set(['/metrics', '/docs', '/openapi.json']);

/**
 * Changes that are then held to the namespaces of each resource, and questions too long for a URL. Any other is for who
 * reaches the whole mesh.
 */
const notGet: Readonly<Record<string, Need>> = {
  'PUT /v1/services/:name': 'write',
  'DELETE /v1/services/:name': 'write',
  'PUT /v1/routes/:name': 'write',
  'DELETE /v1/routes/:name': 'write',
  'PUT /v1/policies/:name': 'write',
  'DELETE /v1/policies/:name': 'write',
  'PUT /v1/instances/:name': 'register',
  'DELETE /v1/instances/:name': 'register',
  'POST /v1/instances/:name/heartbeat': 'register',
  'POST /v1/apply': 'write',
  'POST /v1/plan': 'read',
};

/** What a request of the API needs; a path that is none of ours is told only to who may read. */
export function needOfRequest(method: string, route: string | undefined, openMetrics: boolean): RouteNeed {
  if (route === undefined) return 'read';
  if (method !== 'GET' && method !== 'HEAD') return notGet[`${method} ${route}`] ?? 'administer';
  return open.has(route) || (openMetrics && openOnDemand.has(route)) ? 'open' : 'read';
}

const registrations: ReadonlySet<string> = new Set(['Register', 'Heartbeat', 'Deregister']);

/** What a call of the push port needs, by its path such as `/package.Service/Register`. */
export function needOfCall(path: string): Need {
  return registrations.has(path.slice(path.lastIndexOf('/') + 1)) ? 'register' : 'stream';
}
