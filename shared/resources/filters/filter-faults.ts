import type { Issue } from '../../errors/problem.ts';
import type { BackendFilter, RuleFilter } from '../filters.ts';
import { listOf } from '../resource.ts';
import type { RouteRule } from '../route.ts';
import type { Cors } from './cors.ts';
import type { DirectResponse } from './direct-response.ts';
import { modifierFaults, ownFieldFaults } from './field-name-faults.ts';
import { type FilterType, filterSections, filterTypes } from './filter-sections.ts';
import { pathFaults } from './path-faults.ts';

/** Statuses whose replies have no body (RFC 9110 §15). */
const bodyless: readonly unknown[] = [204, 205, 304];

/** Faults of the filters of one rule that no schema can see. The rule may be one that its schema refused; `at` is its pointer. */
export function filterFaults(rule: Partial<RouteRule> | undefined, at: string): Issue[] {
  if (typeof rule !== 'object' || rule === null) return [];
  return [
    ...listFaults(rule.filters, rule, `${at}/filters`),
    ...answerFaults(rule, at),
    ...listOf(rule.backends).flatMap((backend, b) => listFaults(backend?.filters, rule, `${at}/backends/${b}/filters`)),
  ];
}

function listFaults(
  filters: readonly (RuleFilter | BackendFilter)[] | undefined,
  rule: Partial<RouteRule>,
  at: string,
): Issue[] {
  const places = new Map<FilterType, number>();
  return listOf(filters).flatMap((filter, f) => {
    if (typeof filter !== 'object' || filter === null || !filterTypes.includes(filter.type)) return [];
    const { type } = filter;
    const before = places.get(type);
    places.set(type, f);
    if (before !== undefined)
      return [{ pointer: `${at}/${f}/type`, message: `${type} is at ${at}/${before} already; put both into one` }];
    return [...sectionFaults(filter, `${at}/${f}`), ...contentFaults(filter, rule, `${at}/${f}`)];
  });
}

/** The section of the type has to be there, and no other. */
function sectionFaults(filter: RuleFilter, at: string): Issue[] {
  return filterTypes.flatMap((type) => {
    const section = filterSections[type];
    const pointer = `${at}/${section}`;
    if (type === filter.type)
      return filter[section] === undefined ? [{ pointer, message: `is required for type ${type}` }] : [];
    return filter[section] === undefined
      ? []
      : [{ pointer, message: `does not belong to type ${filter.type}; put it into a filter of type ${type}` }];
  });
}

function contentFaults(filter: RuleFilter, rule: Partial<RouteRule>, at: string): Issue[] {
  const section = filterSections[filter.type];
  const pointer = `${at}/${section}`;
  if (typeof filter[section] !== 'object' || filter[section] === null) return [];
  switch (filter.type) {
    case 'RequestHeaderModifier':
      return modifierFaults(filter.requestHeaderModifier!, 'request', pointer);
    case 'ResponseHeaderModifier':
      return modifierFaults(filter.responseHeaderModifier!, 'reply', pointer);
    case 'RequestRedirect': {
      const { scheme, hostname, port, path, statusCode } = filter.requestRedirect!;
      const isEmpty = [scheme, hostname, port, path].every((part) => part === undefined);
      if (isEmpty && statusCode === 302)
        return [{ pointer, message: 'needs scheme, hostname, port, path or another status: else it leads to itself' }];
      return pathFaults(path, rule, `${pointer}/path`);
    }
    case 'URLRewrite': {
      const { hostname, path } = filter.urlRewrite!;
      if (hostname === undefined && path === undefined) return [{ pointer, message: 'needs hostname, path, or both' }];
      return pathFaults(path, rule, `${pointer}/path`);
    }
    case 'CORS':
      return corsFaults(filter.cors!, pointer);
    case 'DirectResponse':
      return directFaults(filter.directResponse!, pointer);
    case 'Fault': {
      const { delay, abort } = filter.fault!;
      return delay === undefined && abort === undefined ? [{ pointer, message: 'needs delay, abort, or both' }] : [];
    }
  }
}

function corsFaults(cors: Partial<Cors>, at: string): Issue[] {
  const issues = (['allowOrigins', 'allowMethods', 'allowHeaders', 'exposeHeaders'] as const).flatMap((list) =>
    listOf(cors[list]).includes('*') && listOf(cors[list]).length > 1
      ? [{ pointer: `${at}/${list}`, message: '"*" is all there is; leave out the others, or "*"' }]
      : [],
  );
  if (cors.allowCredentials === true && listOf(cors.exposeHeaders).includes('*'))
    issues.push({
      pointer: `${at}/exposeHeaders`,
      message: '"*" is the name of a field to browsers when credentials are allowed; name the fields',
    });
  return issues;
}

function directFaults({ status, body, headers }: Partial<DirectResponse>, at: string): Issue[] {
  const issues = ownFieldFaults(headers, `${at}/headers`);
  if (bodyless.includes(status) && body !== undefined && body !== '')
    issues.push({ pointer: `${at}/body`, message: `must be left out: a reply with status ${status} has none` });
  return issues;
}

/** Of what answers by itself there is one thing, and nothing that is for instances. */
function answerFaults(rule: Partial<RouteRule>, at: string): Issue[] {
  const types = listOf(rule.filters).map((filter) => filter?.type);
  const answering = types.find((type) => type === 'RequestRedirect' || type === 'DirectResponse');
  if (answering === undefined) return [];
  const issues = types.flatMap((type, f) =>
    (type === 'RequestRedirect' || type === 'DirectResponse' || type === 'URLRewrite' || type === 'Fault') &&
    type !== answering
      ? [
          {
            pointer: `${at}/filters/${f}/type`,
            message: `${type} has nothing to do beside ${answering}; keep one of the two`,
          },
        ]
      : [],
  );
  for (const field of ['backends', 'mirrors', 'rateLimits', 'sessionPersistence'] as const)
    if (rule[field] !== undefined && !isEmptyList(rule[field]))
      issues.push({
        pointer: `${at}/${field}`,
        message: `must be left out beside ${answering}, which answers by itself`,
      });
  return issues;
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
