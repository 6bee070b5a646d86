import Type, { type Static, type TString } from 'typebox';
import { Labels, Name } from './field-schemas.ts';

/** Which requests a rule is for: what of Gateway API's HTTPRoute and GRPCRoute a match has, and more tests of the same form. */

export const PathMatch = Type.Object(
  {
    type: Type.Enum(['Exact', 'PathPrefix', 'RegularExpression', 'Template'], {
      default: 'PathPrefix',
      description:
        'PathPrefix matches whole segments; RegularExpression must match the whole path. In a Template {name} or * is one segment, and {name=**} or ** at the end the rest of the path.',
    }),
    value: Type.String({ minLength: 1, maxLength: 1024, pattern: '^[\\x21-\\x7e]+$' }),
  },
  { additionalProperties: false },
);
export type PathMatch = Static<typeof PathMatch>;

/** A test of something that has a name and a value. */
const fieldMatch = (name: TString) =>
  Type.Object(
    {
      type: Type.Enum(['Exact', 'RegularExpression', 'Present', 'Absent'], {
        default: 'Exact',
        description: 'RegularExpression must match the whole value; Present and Absent have no value.',
      }),
      name,
      value: Type.Optional(Type.String({ maxLength: 4096 })),
      invert: Type.Optional(
        Type.Boolean({
          description: 'Holds when the test does not: one for a value then holds for what is missing, too.',
        }),
      ),
    },
    { additionalProperties: false },
  );
export type FieldMatch = Static<ReturnType<typeof fieldMatch>>;

const HeaderMatch = fieldMatch(
  Type.String({
    pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$",
    description: 'Field name, any case (RFC 9110 §5.1).',
  }),
);

const QueryParamMatch = fieldMatch(
  Type.String({ minLength: 1, maxLength: 256, description: 'Name in exactly this case, without percent-encoding.' }),
);

const CookieMatch = fieldMatch(
  Type.String({
    pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$",
    description: 'Name in exactly this case (RFC 6265 §4.1.1).',
  }),
);

/** Gateway API GRPCMethodMatch. */
export const GrpcMatch = Type.Object(
  {
    type: Type.Enum(['Exact', 'RegularExpression'], {
      default: 'Exact',
      description: 'For both names; RegularExpression must match the whole of each.',
    }),
    service: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1024,
        description: 'Name of the service with its package: shop.v1.Cart. Without it, any service.',
      }),
    ),
    method: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1024,
        description: 'Name of the method: AddItem. Without it, any method.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Calls of gRPC by service, by method or by both; stands in place of path and method.',
  },
);
export type GrpcMatch = Static<typeof GrpcMatch>;

const nameList = (description: string) =>
  Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 64, uniqueItems: true, description }));

export const SourceMatch = Type.Object(
  {
    services: nameList('The caller is of one of these services.'),
    namespaces: nameList('The caller is in one of these namespaces.'),
    labels: Type.Optional(Labels),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description:
      'Who calls, as the caller’s own proxy knows itself (service, namespace and labels of its Proxy document): all that is named must hold. To other callers the match is not there.',
  },
);
export type SourceMatch = Static<typeof SourceMatch>;

export const RouteMatch = Type.Object(
  {
    path: Type.Optional(PathMatch),
    method: Type.Optional(
      Type.String({ pattern: '^[A-Z][A-Z0-9-]{0,31}$', description: 'Request method, in capitals.' }),
    ),
    grpc: Type.Optional(GrpcMatch),
    headers: Type.Optional(Type.Array(HeaderMatch, { maxItems: 16, description: 'All of them must hold.' })),
    queryParams: Type.Optional(
      Type.Array(QueryParamMatch, {
        maxItems: 16,
        description:
          'All of them must hold, for the decoded value. Of several parameters of one name the first counts.',
      }),
    ),
    cookies: Type.Optional(
      Type.Array(CookieMatch, {
        maxItems: 16,
        description:
          'All of them must hold, for the value as it was sent. Of several cookies of one name the first counts.',
      }),
    ),
    source: Type.Optional(SourceMatch),
  },
  { additionalProperties: false, description: 'All conditions of one match must hold.' },
);
export type RouteMatch = Static<typeof RouteMatch>;
