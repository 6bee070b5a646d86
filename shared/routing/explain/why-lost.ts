import type { FieldMatch, PathMatch, RouteMatch } from '../../resources/route-match.ts';
import type { RouteEntry } from '../candidate.ts';
import { cookie } from '../cookie.ts';
import { PathTemplate } from '../path-template.ts';
import { byMethod, byNames, byPattern, headerCount, queryCount } from '../precedence.ts';
import { queryName, queryParam } from '../query-param.ts';
import type { RequestView } from '../request-view.ts';
import { HostRoutes } from '../route-table.ts';
import { fieldInWords, fieldLists, grpcInWords, pathInWords } from './match-words.ts';

type Entry = RouteEntry<unknown>;

/** The first condition of a match that a request does not meet, in words; null when all hold. The table itself is asked. */
export function whyNot(match: RouteMatch, request: RequestView): string | null {
  const { path, method, grpc } = match;
  if (path && !isMet({ path }, request)) return pathFault(path, request.path);
  if (grpc && request.method !== 'POST') return `method ${request.method} is not POST, so it is no call of gRPC`;
  if (grpc && !isMet({ grpc }, request)) return `path ${request.path} is no call of ${grpcInWords(grpc)}`;
  if (method && !isMet({ method }, request)) return `method ${request.method} is not ${method}`;
  for (const [list, word] of fieldLists)
    for (const field of match[list] ?? [])
      if (!isMet({ [list]: [field] }, request)) return fieldFault(word, field, request);
  return null;
}

function isMet(condition: RouteMatch, request: RequestView): boolean {
  const entry = { hostnames: [], match: condition, rule: true, created: 0, name: '', place: 0 };
  return new HostRoutes([entry]).match(request) !== null;
}

function pathFault(match: PathMatch, path: string): string {
  switch (match.type) {
    case 'Exact':
      return `path ${path} is not ${match.value}`;
    case 'PathPrefix':
      return `path ${match.value} is no prefix of ${path}`;
    case 'Template':
      return `path ${path} does not fit template ${match.value}`;
    case 'RegularExpression':
      return `path ${path} does not match pattern ${match.value}`;
  }
}

/** What is not so is the condition the other way round, but for a value that is not there at all. */
function fieldFault(word: string, field: FieldMatch, request: RequestView): string {
  if (isMissing(word, field.name, request)) return fieldInWords(word, { type: 'Absent', name: field.name });
  return fieldInWords(word, { ...field, invert: !(field.invert ?? false) });
}

function isMissing(word: string, name: string, request: RequestView): boolean {
  if (word === 'query parameter') return queryParam(request.query, queryName(name)) === null;
  if (word === 'cookie') return cookie(request.header('cookie') ?? '', name) === null;
  return request.header(name.toLowerCase()) === null;
}

/** Why the first of two matches that both hold comes before the second. */
export function whyBehind(winner: Entry, loser: Entry): string {
  const lack = whyLessSpecific(winner, loser);
  if (lack !== null) return `less specific: ${lack}`;
  if (winner.created !== loser.created) return `younger than route ${winner.name}`;
  if (winner.name !== loser.name) return `route ${winner.name} comes first by its name`;
  return 'comes later in the same route';
}

function whyLessSpecific(winner: Entry, loser: Entry): string | null {
  const [kind, other] = [kindOf(winner.match), kindOf(loser.match)];
  if (kind !== other) return `${kinds[kind]} come before ${kinds[other]}`;
  if (winner.match.grpc && byNames(winner, loser) !== 0) return `${grpcInWords(winner.match.grpc)} is longer`;
  if (isPathBehind(winner.match, loser.match)) return `${pathInWords(winner.match.path!)} ${saysMore[kind]}`;
  if (byMethod(winner, loser) !== 0) return 'it names no method';
  if (headerCount(winner) !== headerCount(loser))
    return `fewer conditions on header fields and cookies: ${headerCount(loser)}, not ${headerCount(winner)}`;
  if (queryCount(winner) !== queryCount(loser))
    return `fewer conditions on query parameters: ${queryCount(loser)}, not ${queryCount(winner)}`;
  return byPattern(winner, loser) === 0 ? null : 'names come before patterns';
}

const kinds = {
  grpc: 'calls of gRPC',
  Exact: 'exact paths',
  Template: 'templates',
  RegularExpression: 'patterns',
  PathPrefix: 'prefixes',
} as const;

const saysMore: Readonly<Partial<Record<keyof typeof kinds, string>>> = {
  PathPrefix: 'is longer',
  Template: 'says more of the path',
};

function kindOf({ grpc, path }: RouteMatch): keyof typeof kinds {
  return grpc ? 'grpc' : (path?.type ?? 'PathPrefix');
}

/** Of two matches of one kind. */
function isPathBehind({ path: winner }: RouteMatch, { path: loser }: RouteMatch): boolean {
  if (winner?.type === 'Template' && loser?.type === 'Template')
    return new PathTemplate(winner.value).compare(new PathTemplate(loser.value)) !== 0;
  return winner?.type === 'PathPrefix' && prefixLength(winner) > prefixLength(loser);
}

function prefixLength(path: PathMatch | undefined): number {
  return path ? path.value.replace(/\/$/, '').length : 0;
}
