import type { Touch } from '../catalog/change.ts';
import { boundNames, namespaceOf } from './namespaces.ts';
import type { Pattern } from './pattern.ts';

export const roles = ['reader', 'editor', 'admin', 'workload'] as const;
export type Role = (typeof roles)[number];

/**
 * What a request or call needs, before it is looked at what it is about. `administer` is for what reaches the whole mesh,
 * and so needs a grant without bounds.
 */
export type Need = 'read' | 'write' | 'register' | 'stream' | 'administer';

/** The roles that have it. */
export const rolesFor: Readonly<Record<Need, readonly Role[]>> = {
  read: ['reader', 'editor', 'admin'],
  write: ['editor', 'admin'],
  register: ['editor', 'admin', 'workload'],
  stream: ['admin', 'workload'],
  administer: ['admin'],
};

/** What one entry of the access file grants to whom it names. */
export type Grant = {
  readonly role: Role;
  /** Namespaces it may change; null for all. */
  readonly namespaces: ReadonlySet<string> | null;
  /** The services that a workload may be. */
  readonly services: readonly Pattern[];
};

export function hasNeed({ role, namespaces }: Grant, need: Need): boolean {
  return rolesFor[need].includes(role) && (need !== 'administer' || namespaces === null);
}

/** Whether somebody may be a sidecar of this service. */
export function mayBe(grant: Grant, service: string): boolean {
  if (grant.role === 'workload') return grant.services.some((pattern) => pattern.matches(service));
  return hasNeed(grant, 'stream') && (grant.namespaces?.has(namespaceOf(service)) ?? true);
}

/** Why the grant does not reach as far as a change, as it was and as it will be; null when it does. */
export function changeFault(grant: Grant, touch: Touch): string | null {
  const { kind, name } = touch.resource;
  if (grant.role === 'workload') {
    if (isOwn(grant, touch)) return null;
    return `${kind}/${name} is no instance of its own service`;
  }
  if (!hasNeed(grant, 'write')) return `${kind}/${name} takes the role ${rolesFor.write.join(' or ')}`;
  const { namespaces } = grant;
  if (namespaces === null) return null;
  const names = [touch.resource, ...(touch.known ? [touch.known.resource] : [])].flatMap(boundNames);
  const outside = names.find((one) => !namespaces.has(namespaceOf(one)));
  if (outside === undefined) return null;
  const where = outside === name ? 'is' : `concerns ${outside}`;
  return `${kind}/${name} ${where} in namespace ${namespaceOf(outside)}, and its namespaces are ${[...namespaces].join(', ')}`;
}

/** Its instances, and its service when the first of them brings it. */
function isOwn(grant: Grant, { action, resource, known }: Touch): boolean {
  if (resource.kind === 'Service') return action === 'created' && mayBe(grant, resource.name);
  return [resource, known?.resource ?? resource].every(
    (one) => one.kind === 'Instance' && mayBe(grant, one.spec.service),
  );
}
