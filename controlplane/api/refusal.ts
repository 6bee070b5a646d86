import type { Problem } from '../../shared/errors/problem.ts';
import type { Refusal } from '../catalog/change.ts';

type Facts = { readonly status: number; readonly title: string; readonly text: string };

/** The kinds of refusal of the control API; the `type` of a problem leads to the words on the documentation page. */
export const problemTable = {
  invalid: {
    status: 400,
    title: 'The request is not valid',
    text: 'Nothing was stored. `errors` has one entry per fault: where it is (RFC 6901 pointer into the request) and how to mend it.',
  },
  in_use: {
    status: 409,
    title: 'The service is in use',
    text: 'Instances, routes or policies refer to the service; the detail names them. Remove or change them first.',
  },
  held: {
    status: 409,
    title: 'Too much would be lost at once',
    text: 'The change would take away every route, or more than half of a service’s instances, by itself or with what was removed in the last seconds; the detail names them. Send it again with ?confirm=true if that is meant.',
  },
  stale: {
    status: 412,
    title: 'The precondition does not hold',
    text: 'The resource is not at the revision of If-Match, or exists although If-None-Match is *. Read it again and retry. A rollback is told so when the configuration changes time and again while it is decided.',
  },
  not_found: { status: 404, title: 'There is no such resource', text: 'It was never applied, or was removed.' },
  too_large: {
    status: 413,
    title: 'The request is too large',
    text: 'The body is above the limit, or the store does not take so many changes at once. Apply them in smaller parts.',
  },
  store_full: {
    status: 507,
    title: 'The store is full',
    text: 'Nothing was stored. Reading still works. The detail says how to make room.',
  },
  unavailable: {
    status: 503,
    title: 'The store does not answer',
    text: 'Reading still works. Whether the change was stored is not known; applying it again is safe.',
  },
  unauthenticated: {
    status: 401,
    title: 'It is not known who asks',
    text: 'Send `Authorization: Bearer TOKEN`, or connect with a client certificate that the control plane trusts.',
  },
  forbidden: {
    status: 403,
    title: 'Not allowed',
    text: 'The role of the token or identity does not reach so far; the detail says which role and what it lacks.',
  },
  slowed: {
    status: 429,
    title: 'Too many wrong tokens',
    text: 'Tokens from this address are not looked at for a while; Retry-After says how long.',
  },
} as const satisfies Record<Refusal['code'] | 'unauthenticated' | 'slowed', Facts>;

export function toProblem({
  code,
  detail,
  issues,
}: Omit<Refusal, 'code'> & { code: keyof typeof problemTable }): Problem {
  const { status, title } = problemTable[code];
  return { type: `/docs#problem-${code}`, title, status, detail, ...(issues.length > 0 ? { errors: issues } : {}) };
}

/** A request that cannot be understood, as one problem. */
export function invalid(detail: string, issues: Refusal['issues'] = []): Problem {
  return toProblem({ code: 'invalid', detail, issues });
}
