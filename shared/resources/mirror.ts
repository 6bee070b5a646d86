import Type, { type Static } from 'typebox';
import { Labels, Name } from './field-schemas.ts';

export const mostMirrors = 4;

/** Gateway API's RequestMirror, with a comparison of the replies. */
export const Mirror = Type.Object(
  {
    service: Name,
    labels: Type.Optional(Labels),
    percent: Type.Number({
      default: 100,
      minimum: 0,
      maximum: 100,
      description: 'Share of the rule’s requests that are copied, in percent; fractions are allowed.',
    }),
    compare: Type.Boolean({
      default: false,
      description: 'Compares the reply to the copy with the one that the caller gets: status, body and status of gRPC.',
    }),
  },
  {
    additionalProperties: false,
    description:
      'Services that get copies of the rule’s requests, and whose replies nobody gets; labels narrow them to the instances that carry all of them.',
  },
);
export type Mirror = Static<typeof Mirror>;
