import type { Configuration, ConfigurationChange } from './entry.ts';
import type { History } from './history.ts';
import { type JsonChange, jsonDiff } from './json-diff.ts';

/** How the configuration of one resource differs between two revisions. */
export type ResourceDiff = { readonly kind: string; readonly name: string } & (
  | { readonly change: 'added'; readonly after: Configuration }
  | { readonly change: 'removed'; readonly before: Configuration }
  | { readonly change: 'changed'; readonly changes: readonly JsonChange[] }
);

/** What is different after `to` from what was after `from`, in either order; by kind and name. */
export async function diffOf(history: History, from: number, to: number): Promise<ResourceDiff[]> {
  const changes = await history.between(Math.min(from, to), Math.max(from, to));
  return changes
    .map((change) => (from <= to ? change : { ...change, before: change.after, after: change.before }))
    .flatMap(resourceDiff)
    .sort((a, b) => (`${a.kind}/${a.name}` < `${b.kind}/${b.name}` ? -1 : 1));
}

/** None for what went and came back. */
function resourceDiff({ before, after }: ConfigurationChange): ResourceDiff[] {
  if (before === null) return after === null ? [] : [{ kind: after.kind, name: after.name, change: 'added', after }];
  const { kind, name } = before;
  if (after === null) return [{ kind, name, change: 'removed', before }];
  const changes = jsonDiff(before, after);
  return changes.length === 0 ? [] : [{ kind, name, change: 'changed', changes }];
}
