import type { RouteRule } from '../../../shared/resources/route.ts';
import type { RouteResource } from '../../../shared/resources/schema.ts';

/** A rule and where it stands; no route for the rule that a service has by itself. */
export type RuleOrigin = {
  readonly route: RouteResource | null;
  readonly rule: RouteRule;
  readonly index: number;
};
