import type { PathMatch, RouteMatch } from '../../../shared/resources/route-match.ts';
import { pathOf } from '../../../shared/routing/grpc-match.ts';
import type { Message } from '../codec.ts';
import { whyNotPortable } from './portable-pattern.ts';

export type XdsPath = {
  readonly match: Message;
  /** It ends with the slash after a prefix, so whatever replaces it does, too. */
  readonly isBelowPrefix: boolean;
};

/**
 * The paths of a match as xDS takes them, or why it cannot. A prefix of whole segments becomes two: gRPC clients know no
 * other way to say it, and where the prefix is replaced, each has its own end.
 */
export function pathMatches(match: RouteMatch): readonly XdsPath[] | string {
  const { type, value } = match.grpc ? pathOf(match.grpc) : (match.path ?? { type: 'PathPrefix', value: '/' });
  switch (type) {
    case 'Exact':
      return [{ match: { path: value }, isBelowPrefix: false }];
    case 'PathPrefix':
      return prefixes(value.replace(/\/$/, ''));
    default:
      return patterns(type, value);
  }
}

function prefixes(prefix: string): readonly XdsPath[] {
  const below = { match: { prefix: `${prefix}/` }, isBelowPrefix: true };
  return prefix === '' ? [below] : [{ match: { path: prefix }, isBelowPrefix: false }, below];
}

function patterns(type: PathMatch['type'], value: string): readonly XdsPath[] | string {
  const regex = type === 'Template' ? templatePattern(value) : `(?:${value})`;
  const why = whyNotPortable(regex);
  return why === null ? [{ match: { safe_regex: { regex } }, isBelowPrefix: false }] : `as a pattern of RE2 it ${why}`;
}

function templatePattern(template: string): string {
  return template
    .split('/')
    .map((segment) => {
      if (/^(\*\*|\{\w+=\*\*\})$/.test(segment)) return '.+';
      return /^(\*|\{\w+\})$/.test(segment) ? '[^/]+' : escapePattern(segment);
    })
    .join('/');
}

/** A text as a pattern that matches only itself. */
export function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
