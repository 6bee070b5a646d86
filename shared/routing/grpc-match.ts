import type { Issue } from '../errors/problem.ts';
import type { GrpcMatch, PathMatch, RouteMatch } from '../resources/route-match.ts';
import { checkPattern } from './pattern.ts';

/** A segment of a path. */
const anyName = '[^/]+';
const names = {
  service: /^\.?[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/,
  method: /^[A-Za-z_]\w*$/,
};

/** The paths of the calls that match: `/service/method` (gRPC over HTTP/2, "Requests"). */
export function pathOf({ type, service, method }: GrpcMatch): PathMatch {
  if (type !== 'RegularExpression' && service !== undefined)
    return method === undefined
      ? { type: 'PathPrefix', value: `/${service}/` }
      : { type: 'Exact', value: `/${service}/${method}` };
  return { type: 'RegularExpression', value: `/(?:${service ?? anyName})/(?:${method ?? anyName})` };
}

/** Faults of the gRPC match that stands in a match, which may be broken; `at` is the pointer of the latter. */
export function checkGrpcMatch(match: RouteMatch | undefined, at: string): Issue[] {
  const grpc = match?.grpc;
  if (typeof grpc !== 'object' || grpc === null) return [];
  const issues: Issue[] = [];
  for (const field of ['path', 'method'] as const)
    if (match?.[field] !== undefined)
      issues.push({
        pointer: `${at}/${field}`,
        message: 'cannot stand beside grpc, which says path and method by itself; leave one of the two out',
      });
  if (grpc.service === undefined && grpc.method === undefined)
    issues.push({ pointer: `${at}/grpc`, message: 'needs a service, a method, or both' });
  return [...issues, ...checkNames(grpc, `${at}/grpc`)];
}

function checkNames(grpc: GrpcMatch, at: string): Issue[] {
  const issues = (['service', 'method'] as const).flatMap((field) => {
    const name = grpc[field];
    if (typeof name !== 'string' || name === '') return []; // its schema says so already
    if (grpc.type === 'RegularExpression') return checkPattern(name, `${at}/${field}`);
    return names[field].test(name)
      ? []
      : [
          {
            pointer: `${at}/${field}`,
            message: `is not the name of a ${field}: ${JSON.stringify(name)}; a pattern needs type RegularExpression`,
          },
        ];
  });
  if (issues.length > 0 || grpc.type !== 'RegularExpression') return issues;
  return checkPattern(pathOf(grpc).value, at); // together they may be too long
}
