import { type FastifyRequest, ProblemError } from '../../shared/http/fastify.ts';
import type { Precondition } from '../catalog/change.ts';
import { YamlStream } from './body.ts';
import { invalid } from './refusal.ts';

/** Query parameters by name; throws a problem for one that is unknown or given twice. */
export function readQuery<Name extends string>(
  request: FastifyRequest,
  names: readonly Name[],
): Partial<Record<Name, string>> {
  const query = request.query as Record<string, unknown>;
  for (const [name, value] of Object.entries(query)) {
    if (!names.includes(name as Name)) {
      const known = names.length > 0 ? `known here: ${names.join(', ')}` : 'none is known here';
      throw new ProblemError(invalid(`unknown query parameter "${name}"; ${known}`));
    }
    if (typeof value !== 'string')
      throw new ProblemError(invalid(`the query parameter "${name}" is given more than once`));
  }
  return query as Partial<Record<Name, string>>;
}

/** `?name`, `?name=true` and `?name=false`. */
export function readSwitch(value: string | undefined, name: string): boolean {
  if (value === undefined || value === 'false') return false;
  if (value === '' || value === 'true') return true;
  throw new ProblemError(invalid(`the query parameter "${name}" must be true or false; got "${value}"`));
}

export function readNumber(value: string | undefined, name: string, most: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^[1-9][0-9]{0,8}$/.test(value) && Number(value) <= most) return Number(value);
  throw new ProblemError(
    invalid(`the query parameter "${name}" must be a whole number from 1 to ${most}; got "${value}"`),
  );
}

export function etagOf(revision: number): string {
  return `"${revision}"`;
}

/** Revisions of a list of entity tags; a weak one never matches for a change (RFC 9110 §13.1.1). */
function revisionsOf(list: string): number[] {
  return list.split(',').flatMap((tag) => {
    const match = /^\s*"([0-9]{1,15})"\s*$/.exec(tag);
    return match ? [Number(match[1])] : [];
  });
}

/** If-Match and If-None-Match of a change. */
export function readPrecondition(request: FastifyRequest): { precondition?: Precondition } {
  const { 'if-match': match, 'if-none-match': noneMatch } = request.headers;
  if (noneMatch !== undefined) {
    if (noneMatch.trim() === '*' && match === undefined) return { precondition: 'absent' };
    throw new ProblemError(invalid('for a change, If-None-Match must be * and stand without If-Match'));
  }
  if (match === undefined) return {};
  return { precondition: match.trim() === '*' ? 'exists' : { revisions: revisionsOf(match) } };
}

/** Tells whether the client has this revision already (RFC 9110 §13.1.2, where weak tags match too). */
export function isFresh(request: FastifyRequest, revision: number): boolean {
  const noneMatch = request.headers['if-none-match'];
  if (noneMatch === undefined) return false;
  return noneMatch.trim() === '*' || revisionsOf(noneMatch.replaceAll('W/', '')).includes(revision);
}

/** The one document of a request. */
export function oneDocument(request: FastifyRequest): unknown {
  const { body } = request;
  if (!(body instanceof YamlStream)) return body;
  if (body.documents.length === 1) return body.documents[0];
  throw new ProblemError(
    invalid(`one document is expected here, not ${body.documents.length}; POST /v1/apply takes many`),
  );
}
