/** One fault in a document: where it is (RFC 6901 pointer) and how to mend it. */
export type Issue = { readonly pointer: string; readonly message: string };

/** A refusal as RFC 9457 describes it, with one entry per fault. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly errors?: readonly Issue[];
};

/** Either a value or every reason why there is none. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/** Writes issues one a line, for terminals and logs. */
export function formatIssues(issues: readonly Issue[]): string {
  return issues.map((issue) => `  ${issue.pointer || '(document)'}: ${issue.message}`).join('\n');
}

/** Puts a prefix before the pointer of each issue. */
export function underPointer(prefix: string, issues: readonly Issue[]): Issue[] {
  return issues.map((issue) => ({ pointer: prefix + issue.pointer, message: issue.message }));
}
