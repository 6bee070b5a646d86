import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { Issue, Parsed } from '../errors/problem.ts';
import { checkPatterns } from '../routing/pattern.ts';
import { type Kind, kinds, listOf } from './resource.ts';
import { type AnyResource, documentSchemas, isKind, type ProxyDocument, type RouteResource } from './schema.ts';

const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: false, verbose: true });
const validators = new Map<string, ValidateFunction>();

function validatorOf(kind: Kind | 'Proxy'): ValidateFunction {
  let validate = validators.get(kind);
  if (!validate) validators.set(kind, (validate = ajv.compile(documentSchemas[kind])));
  return validate;
}

/**
 * Reads an untrusted document as one of the resource kinds: defaults are filled in and every fault is reported, those of
 * the patterns too when the rest is faulty.
 */
export function readResource(input: unknown): Parsed<AnyResource> {
  const kind = (input as { kind?: unknown } | null)?.kind;
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return { ok: false, issues: [{ pointer: '', message: 'must be an object with kind, name and spec' }] };
  if (!isKind(kind))
    return {
      ok: false,
      issues: [{ pointer: '/kind', message: `must be one of ${kinds.join(', ')}; got ${show(kind)}` }],
    };
  const document: unknown = structuredClone(input);
  const validate = validatorOf(kind);
  const issues = validate(document) ? [] : toIssues(validate.errors ?? []);
  if (kind === 'Route') issues.push(...checkRoutePatterns(document as RouteResource));
  return issues.length === 0 ? { ok: true, value: document as AnyResource } : { ok: false, issues };
}

/** Reads the `Proxy` document of a static file. */
export function readProxy(input: unknown): Parsed<ProxyDocument> {
  const document: unknown = structuredClone(input);
  const validate = validatorOf('Proxy');
  return validate(document)
    ? { ok: true, value: document as ProxyDocument }
    : { ok: false, issues: toIssues(validate.errors ?? []) };
}

/** Walks what may be a broken document, so nothing is taken for granted. */
function checkRoutePatterns(route: Partial<RouteResource>): Issue[] {
  return listOf(route.spec?.rules).flatMap((rule, r) =>
    listOf(rule?.matches).flatMap((match, m) => checkPatterns(match, `/spec/rules/${r}/matches/${m}`)),
  );
}

function toIssues(errors: ErrorObject[]): Issue[] {
  return errors.map((error) => ({ pointer: pointerOf(error), message: messageOf(error) }));
}

function pointerOf(error: ErrorObject): string {
  const extra: unknown = error.params['additionalProperty'] ?? error.params['missingProperty'];
  return typeof extra === 'string' ? `${error.instancePath}/${escapePointer(extra)}` : error.instancePath;
}

function messageOf(error: ErrorObject): string {
  const hint = (error.parentSchema as { description?: string } | undefined)?.description;
  const because = hint ? ` (${hint})` : '';
  switch (error.keyword) {
    case 'additionalProperties': {
      const known = Object.keys((error.parentSchema as { properties?: object }).properties ?? {});
      return known.length > 0 ? `unknown field; known here: ${known.join(', ')}` : `not allowed here${because}`;
    }
    case 'required':
      return 'is required';
    case 'enum':
      return `must be one of ${(error.params['allowedValues'] as unknown[]).join(', ')}; got ${show(error.data)}`;
    case 'const':
      return `must be ${show(error.params['allowedValue'])}; got ${show(error.data)}`;
    case 'pattern':
      return `is not allowed: ${show(error.data)}${because || `; must match ${error.params['pattern']}`}`;
    default:
      return `${error.message ?? error.keyword}; got ${show(error.data)}${because}`;
  }
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function escapePointer(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1');
}
