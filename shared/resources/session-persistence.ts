import Type, { type Static } from 'typebox';
import { Duration } from './field-schemas.ts';

/** Gateway API SessionPersistence (GEP-1619). */
export const SessionPersistence = Type.Object(
  {
    type: Type.Enum(['Cookie', 'Header'], {
      default: 'Cookie',
      description: 'Where the session is kept: in a cookie, or in a field that the client sends back as it got it.',
    }),
    sessionName: Type.String({
      default: 'meshlane-session',
      pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$",
      description: 'Name of the cookie or of the field.',
    }),
    absoluteTimeout: Type.Optional(
      Duration({ description: 'A session ends so long after it began; without it, it has no end of its own.' }),
    ),
    idleTimeout: Type.Optional(Duration({ description: 'A session ends so long after its last request.' })),
    cookieConfig: Type.Object(
      {
        lifetimeType: Type.Enum(['Session', 'Permanent'], {
          default: 'Session',
          description:
            'A cookie of type Session ends with the browser; Permanent has it outlive that, for absoluteTimeout.',
        }),
      },
      { additionalProperties: false, default: {} },
    ),
  },
  {
    additionalProperties: false,
    description:
      'A client stays with the instance that its first request went to, for as long as that can be reached: whatever other instances come or leave.',
  },
);
export type SessionPersistence = Static<typeof SessionPersistence>;
