/** A hold as the control API tells it. */
export type Hold = {
  readonly id: string;
  readonly cause: string;
  readonly why: string;
  readonly since: string;
  readonly resources: readonly { readonly kind: string; readonly name: string }[];
  readonly sidecars: readonly string[];
};

/** `held since 2026-01-31T12:00:00.000Z: 4 resources (leases-cart): their leases ran out together: ...` */
export function describeHold({ id, why, since, resources, sidecars }: Hold): string {
  const what = sidecars.length > 0 ? countOf(sidecars.length, 'sidecar') : countOf(resources.length, 'resource');
  return `held since ${since}: ${what} (${id}): ${why}`;
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
