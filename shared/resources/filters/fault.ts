import Type, { type Static } from 'typebox';
import { Duration } from '../field-schemas.ts';

const percent = Type.Number({
  default: 100,
  minimum: 0,
  maximum: 100,
  description: 'Part of the requests, fractions allowed; drawn for each.',
});

export const Fault = Type.Object(
  {
    delay: Type.Optional(
      Type.Object(
        {
          duration: Duration({ description: 'Time before the first try; it counts for the request timeout.' }),
          percent,
        },
        { additionalProperties: false },
      ),
    ),
    abort: Type.Optional(
      Type.Object(
        {
          status: Type.Integer({ minimum: 200, maximum: 599 }),
          grpcStatus: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 16, description: 'For callers of gRPC; without it 14, UNAVAILABLE.' }),
          ),
          percent,
        },
        { additionalProperties: false, description: 'Answered with the reason fault_injected, after the delay.' },
      ),
    ),
  },
  { additionalProperties: false, description: 'Makes requests slow or fail, to see how their callers take it.' },
);
export type Fault = Static<typeof Fault>;
