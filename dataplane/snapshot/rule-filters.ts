import { sectionOf } from '../../shared/resources/filters/filter-sections.ts';
import { prefixOf } from '../../shared/resources/filters/path-faults.ts';
import type { Backend, RouteRule } from '../../shared/resources/route.ts';
import { Cors } from '../filters/cors.ts';
import { DirectResponse } from '../filters/direct-response.ts';
import { Fault } from '../filters/fault.ts';
import { BackendFilters, RuleFilters } from '../filters/filters.ts';
import { editsOf, linesOf } from '../filters/header-modifier.ts';
import { Redirect } from '../filters/redirect.ts';
import { Rewrite } from '../filters/url-rewrite.ts';

/** What of a rule decides about its filters. */
export type FilteredRule = {
  readonly filters?: RouteRule['filters'] | undefined;
  readonly matches?: RouteRule['matches'] | undefined;
};

/** What the filters of a rule do by themselves; null when they do nothing. `random` gives unsigned 32-bit integers. */
export function ruleFilters(rule: FilteredRule, random: () => number): RuleFilters | null {
  const { filters } = rule;
  const cors = corsOf(rule);
  const redirect = sectionOf(filters, 'requestRedirect');
  const direct = sectionOf(filters, 'directResponse');
  const fault = sectionOf(filters, 'fault');
  const replyLines = linesOf(sectionOf(filters, 'responseHeaderModifier'));
  const hasNone = cors === null && !redirect && !direct && !fault && replyLines === '';
  if (hasNone) return null;
  return new RuleFilters({
    cors,
    answering: redirect ? new Redirect(redirect, prefixesOf(rule)) : direct ? new DirectResponse(direct) : null,
    fault: fault ? new Fault(fault, random) : null,
    replyLines,
  });
}

/** What is done to the messages of one backend, by the filters of its rule and then by its own; null when nothing is. */
export function backendFilters(rule: FilteredRule, backend: Backend): BackendFilters | null {
  const lists = [rule.filters, backend.filters];
  const changes = { ...sectionOf(rule.filters, 'urlRewrite'), ...sectionOf(backend.filters, 'urlRewrite') };
  const rewrite = changes.hostname || changes.path ? new Rewrite(changes, prefixesOf(rule)) : null;
  const requestEdits = lists.flatMap((filters) => editsOf(sectionOf(filters, 'requestHeaderModifier')));
  const replyEdits = lists.flatMap((filters) => editsOf(sectionOf(filters, 'responseHeaderModifier')));
  const cors = corsOf(rule);
  const hasNone = rewrite === null && requestEdits.length === 0 && replyEdits.length === 0 && cors === null;
  return hasNone ? null : new BackendFilters({ rewrite, requestEdits, cors, replyEdits });
}

function corsOf({ filters }: FilteredRule): Cors | null {
  const cors = sectionOf(filters, 'cors');
  return cors === undefined ? null : new Cors(cors);
}

/** By which a rule takes requests, as far as it takes them by prefixes. */
function prefixesOf({ matches = [] }: FilteredRule): string[] {
  return matches.map(prefixOf).filter((prefix) => prefix !== null);
}
