import type { Issue } from '../errors/problem.ts';
import type { PolicyResource } from './schema.ts';

/** Faults of a policy's load balancer that no schema can see. The policy may be one that its schema refused. */
export function balancingFaults(policy: Partial<PolicyResource>): Issue[] {
  const balancer = policy.spec?.loadBalancer;
  if (typeof balancer !== 'object' || balancer === null) return [];
  const issues: Issue[] = [];
  const pointer = '/spec/loadBalancer';
  const followsKeys = balancer.policy === 'ring-hash' || balancer.policy === 'maglev';
  if (followsKeys && balancer.hashOn === undefined)
    issues.push({
      pointer: `${pointer}/hashOn`,
      message: `is required for ${balancer.policy}, such as { header: x-user }`,
    });
  if (balancer.policy === 'maglev' && Number.isInteger(balancer.tableSize) && !isPrime(balancer.tableSize))
    issues.push({
      pointer: `${pointer}/tableSize`,
      message: `must be a prime, such as 65537; got ${balancer.tableSize}`,
    });
  return issues;
}

/** Whole numbers only; those above the bound of the field are refused anyway and not tried. */
function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number && divisor < 1000; divisor++)
    if (number % divisor === 0) return false;
  return true;
}
