import { formatIssues } from '../../shared/errors/problem.ts';
import type { PolicySpec } from '../../shared/resources/policy.ts';
import { readResource } from '../../shared/resources/read.ts';
import type { PolicyResource } from '../../shared/resources/schema.ts';

/** Sections of a policy with their defaults filled in, as a proxy gets them. */
export function readPolicy(sections: object): PolicySpec {
  const read = readResource({ kind: 'Policy', name: 'bench', spec: { targets: [{ name: 'app' }], ...sections } });
  if (!read.ok) throw new Error(formatIssues(read.issues));
  return (read.value as PolicyResource).spec;
}
