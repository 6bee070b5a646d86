import Type, { type Static } from 'typebox';

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}";

const nameList = (description: string) =>
  Type.Array(Type.String({ pattern: `^${token}$` }), { default: [], maxItems: 64, uniqueItems: true, description });

/** Gateway API HTTPCORSFilter. */
export const Cors = Type.Object(
  {
    allowOrigins: Type.Array(
      Type.String({
        maxLength: 253,
        pattern:
          '^(\\*|[a-z][a-z0-9+.-]*://(\\*|(\\*\\.)?[a-z0-9_]([-a-z0-9_.]*[a-z0-9_])?|\\[[0-9a-f:.]+\\])(:[0-9]{1,5})?)$',
        description:
          'scheme://host, with :port unless it is the usual one, in lower case as browsers send it; * for the host or *. in front of it is any; * alone is every origin.',
      }),
      { minItems: 1, maxItems: 64, uniqueItems: true, description: 'Whose scripts may read the replies.' },
    ),
    allowCredentials: Type.Boolean({ default: false, description: 'Scripts may send cookies and the like.' }),
    allowMethods: nameList('Methods beside GET, HEAD and POST; * alone is every method.'),
    allowHeaders: nameList('Request fields beside those that every script may set; * alone is every field.'),
    exposeHeaders: nameList('Reply fields that scripts may read; * is every one, but not with allowCredentials.'),
    maxAge: Type.Integer({
      default: 5,
      minimum: 1,
      maximum: 86_400,
      description: 'Seconds for which a browser may keep the answer to a preflight.',
    }),
  },
  {
    additionalProperties: false,
    description:
      'Answers preflights and tells browsers which other origins may use the replies (Fetch Standard, CORS protocol).',
  },
);
export type Cors = Static<typeof Cors>;
