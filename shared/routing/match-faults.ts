import type { Issue } from '../errors/problem.ts';
import { listOf } from '../resources/resource.ts';
import type { FieldMatch, PathMatch, RouteMatch } from '../resources/route-match.ts';
import { checkGrpcMatch } from './grpc-match.ts';
import { PathTemplate } from './path-template.ts';
import { checkPattern } from './pattern.ts';

/** Faults of a match that its schema does not see; the match may be broken, and `at` is its pointer. */
export function matchFaults(match: RouteMatch | undefined, at: string): Issue[] {
  return [
    ...pathFaults(match?.path, `${at}/path/value`),
    ...(['headers', 'queryParams', 'cookies'] as const).flatMap((list) =>
      listOf(match?.[list]).flatMap((field, f) => valueFaults(field, `${at}/${list}/${f}/value`)),
    ),
    ...checkGrpcMatch(match, at),
  ];
}

function pathFaults(path: Partial<PathMatch> | undefined, pointer: string): Issue[] {
  if (typeof path?.value !== 'string') return []; // its schema says so already
  if (path.type === 'RegularExpression') return checkPattern(path.value, pointer);
  if (path.type === 'Template') return templateFaults(path.value, pointer);
  if (path.value.startsWith('/')) return [];
  return [{ pointer, message: `must start with "/"; got ${JSON.stringify(path.value)}` }];
}

function templateFaults(template: string, pointer: string): Issue[] {
  try {
    new PathTemplate(template);
    return [];
  } catch (error) {
    return [{ pointer, message: `is no template: ${(error as Error).message}; got ${JSON.stringify(template)}` }];
  }
}

function valueFaults(field: Partial<FieldMatch> | null, pointer: string): Issue[] {
  const { type, value } = field ?? {};
  if (type === 'Present' || type === 'Absent')
    return value === undefined
      ? []
      : [{ pointer, message: `type ${type} has no value; leave it out, or take another type` }];
  if (value === undefined && (type === 'Exact' || type === 'RegularExpression'))
    return [{ pointer, message: `is required for type ${type}; any value will do for type Present` }];
  return type === 'RegularExpression' && typeof value === 'string' ? checkPattern(value, pointer) : [];
}
