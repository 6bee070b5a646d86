import { formatIssues } from '../../shared/errors/problem.ts';
import { readResource } from '../../shared/resources/read.ts';
import type { PolicyResource } from '../../shared/resources/schema.ts';

/** A policy with these sections and all defaults, as a proxy gets it. */
export function readPolicy(sections: object): PolicyResource {
  const read = readResource({ kind: 'Policy', name: 'bench', spec: { targets: [{ name: 'app' }], ...sections } });
  if (!read.ok) throw new Error(formatIssues(read.issues));
  return read.value as PolicyResource;
}
