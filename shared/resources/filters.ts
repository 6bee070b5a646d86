import Type, { type Static } from 'typebox';
import { Cors } from './filters/cors.ts';
import { DirectResponse } from './filters/direct-response.ts';
import { Fault } from './filters/fault.ts';
import { filterTypes } from './filters/filter-sections.ts';
import { HeaderModifier } from './filters/header-modifier.ts';
import { RequestRedirect, UrlRewrite } from './filters/path-filters.ts';

/**
 * Gateway API HTTPRouteFilter: a type, and beside it the section that belongs to it. CORS and what comes before it are
 * Gateway API's; the others are ours.
 */

const modifiers = {
  requestHeaderModifier: Type.Optional(HeaderModifier('request')),
  responseHeaderModifier: Type.Optional(HeaderModifier('reply')),
  urlRewrite: Type.Optional(UrlRewrite),
};

export const RuleFilter = Type.Object(
  {
    type: Type.Enum([...filterTypes], { description: 'Which of the sections beside it is given.' }),
    ...modifiers,
    requestRedirect: Type.Optional(RequestRedirect),
    cors: Type.Optional(Cors),
    directResponse: Type.Optional(DirectResponse),
    fault: Type.Optional(Fault),
  },
  { additionalProperties: false },
);
export type RuleFilter = Static<typeof RuleFilter>;

export const BackendFilter = Type.Object(
  {
    type: Type.Enum(['RequestHeaderModifier', 'ResponseHeaderModifier', 'URLRewrite'], {
      description: 'Which of the sections beside it is given.',
    }),
    ...modifiers,
  },
  { additionalProperties: false },
);
export type BackendFilter = Static<typeof BackendFilter>;
