import type { BackendFilter, RuleFilter } from '../filters.ts';

/** The section that belongs to each type of filter. Apart from the schemas, so that proxies need not load what makes those. */
export const filterSections = {
  RequestHeaderModifier: 'requestHeaderModifier',
  ResponseHeaderModifier: 'responseHeaderModifier',
  RequestRedirect: 'requestRedirect',
  URLRewrite: 'urlRewrite',
  CORS: 'cors',
  DirectResponse: 'directResponse',
  Fault: 'fault',
} as const;
export type FilterType = keyof typeof filterSections;
export type FilterSection = (typeof filterSections)[FilterType];
export const filterTypes = Object.keys(filterSections) as FilterType[];

/** The section of this name in a list of filters; undefined when none has it. */
export function sectionOf<S extends FilterSection>(
  filters: readonly (RuleFilter | BackendFilter)[] | undefined,
  section: S,
): NonNullable<RuleFilter[S]> | undefined {
  for (const filter of filters ?? []) {
    const found = (filter as RuleFilter)[section];
    if (found !== undefined) return found as NonNullable<RuleFilter[S]>;
  }
  return undefined;
}
