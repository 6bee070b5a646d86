import Type, { type Static } from 'typebox';
import { namePattern } from '../field-schemas.ts';

/** Of a path: visible ASCII without "?" and "#", and no empty segment first, which would read as a host. */
const path = '/([!"$-.0->@-~][!"$->@-~]*)?';

const Hostname = Type.String({ pattern: namePattern, description: 'A name in lower case, without a port.' });

/** Gateway API HTTPPathModifier. */
export const PathModifier = Type.Object(
  {
    type: Type.Enum(['ReplaceFullPath', 'ReplacePrefixMatch'], {
      description: 'The field of the same name says what to put there.',
    }),
    replaceFullPath: Type.Optional(
      Type.String({ maxLength: 1024, pattern: `^${path}$`, description: 'The new path. It begins with one "/".' }),
    ),
    replacePrefixMatch: Type.Optional(
      Type.String({
        maxLength: 1024,
        pattern: `^(${path})?$`,
        description:
          'What stands in place of the prefix by which the rule was matched; a "/" at its end counts for nothing. Begins with one "/", or is empty.',
      }),
    ),
  },
  { additionalProperties: false, description: 'Changes the path; the query stays.' },
);
export type PathModifier = Static<typeof PathModifier>;

/** Gateway API HTTPRequestRedirectFilter. */
export const RequestRedirect = Type.Object(
  {
    scheme: Type.Optional(
      Type.Enum(['http', 'https'], { description: 'Without it, the one that the request came by.' }),
    ),
    hostname: Type.Optional(Hostname),
    port: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65_535,
        description: 'Without it, the usual one of scheme if that is given, else the one in the request’s Host.',
      }),
    ),
    path: Type.Optional(PathModifier),
    statusCode: Type.Enum([301, 302, 303, 307, 308], { default: 302 }),
  },
  {
    additionalProperties: false,
    description: 'Answers with a Location that is the request’s address but for what is named here.',
  },
);
export type RequestRedirect = Static<typeof RequestRedirect>;

/** Gateway API HTTPURLRewriteFilter. */
export const UrlRewrite = Type.Object(
  { hostname: Type.Optional(Hostname), path: Type.Optional(PathModifier) },
  {
    additionalProperties: false,
    description:
      'Changes what the instance sees as host and path; routing, metrics and traces keep what was asked for.',
  },
);
export type UrlRewrite = Static<typeof UrlRewrite>;
