import type { Invocation, Option } from './command.ts';

/** The flag of what may take too much away at once. */
export const confirmOption: Readonly<Record<'confirm', Option>> = {
  confirm: { text: 'Do it even if it takes away every route, or more than half of a service’s instances.' },
};

/** How the API is told `--dry-run` and `--confirm`. */
export function queryOf(invocation: Pick<Invocation, 'isSet'>): string {
  const query = [
    ...(invocation.isSet('dry-run') ? ['dryRun=true'] : []),
    ...(invocation.isSet('confirm') ? ['confirm=true'] : []),
  ];
  return query.length > 0 ? `?${query.join('&')}` : '';
}
