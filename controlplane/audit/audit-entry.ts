import type { Author, Change, Outcome } from '../catalog/change.ts';

/** One line of the audit log. */
export type AuditEntry = {
  /** RFC 3339 */
  readonly at: string;
  readonly who: string;
  readonly how: Author['how'];
  readonly peer: string;
  readonly action: string;
  /** `Kind/name` of what it was about; the last one says how many more there are. */
  readonly what: readonly string[];
  /** Store revision that the change made; null when it made none. */
  readonly revision: number | null;
  /** What was done, or the code of the refusal. */
  readonly outcome: string;
  readonly reason: string | null;
};

const mostNamed = 100;
const longestName = 512;
const longestReason = 2_048;

type By = Omit<Author, 'faultOf'>;

/** What the control plane does by itself, such as removing an instance whose lease ran out. */
export const itself: By = { who: 'control-plane', how: 'internal', peer: '', action: 'write' };

/** What became of a set of changes; `note` is why they were made. */
export function entryOfChange(
  at: Date,
  author: Author | undefined,
  changes: readonly Change[],
  outcome: Outcome,
  note: string | null = null,
): AuditEntry {
  const by = author ?? itself;
  if (!outcome.ok) {
    const { code, detail, issues } = outcome.refusal;
    const faults = issues.map(({ pointer, message }) => `${pointer} ${message}`);
    return entry(at, by, changes.map(nameOf), { outcome: code, reason: [detail, ...faults].join('; ') });
  }
  const { effects } = outcome;
  const what = effects.map(({ action, resource }) => `${resource.kind}/${resource.name} ${action}`);
  const isChange = effects.some(({ action }) => action !== 'unchanged');
  return entry(at, by, what, {
    revision: isChange ? outcome.revision : null,
    outcome: isChange ? 'done' : 'unchanged',
    reason: note,
  });
}

/** A request that was refused, or that changed something other than resources. */
export function entryOfRequest(
  at: Date,
  by: By,
  what: readonly string[],
  outcome: string,
  reason: string | null = null,
): AuditEntry {
  return entry(at, by, what, { outcome, reason });
}

function entry(
  at: Date,
  { who, how, peer, action }: By,
  what: readonly string[],
  { revision = null, outcome, reason = null }: { revision?: number | null; outcome: string; reason?: string | null },
): AuditEntry {
  const named = what.slice(0, mostNamed).map((name) => name.slice(0, longestName));
  if (what.length > named.length) named.push(`and ${what.length - named.length} more`);
  return {
    at: at.toISOString(),
    who,
    how,
    peer,
    action,
    what: named,
    revision,
    outcome,
    reason: reason?.slice(0, longestReason) ?? null,
  };
}

/** A refused document may have any shape. */
function nameOf(change: Change): string {
  if (change.type === 'delete') return `${change.kind}/${change.name}`;
  if (change.type === 'rollout') return `${change.resource.kind}/${change.resource.name}`;
  const { kind, name } = { ...(change.document as object | null), ...change.path } as {
    kind?: unknown;
    name?: unknown;
  };
  return `${typeof kind === 'string' ? kind : '?'}/${typeof name === 'string' ? name : '?'}`;
}
