// Takes money. A charge must not happen twice, so it is a POST and nobody tries it again on the way.
//   POST /charges {"order","user","amountCents"}
import { HttpError, readFlags, serve } from './app.ts';

const flags = readFlags({ port: null });
const limitCents = 10_000;
let charges = 0;

serve('payment', flags.port, ({ method, path: [collection, more], json }) => {
  if (method !== 'POST' || collection !== 'charges' || more !== undefined) return undefined;
  const { order, user, amountCents } = (json() ?? {}) as { order?: unknown; user?: unknown; amountCents?: unknown };
  if (typeof order !== 'string' || typeof user !== 'string' || !Number.isInteger(amountCents))
    throw new HttpError(400, 'expected {"order": "o-1", "user": "ada", "amountCents": 450}');
  if ((amountCents as number) > limitCents)
    throw new HttpError(402, `${user}'s card takes no more than ${limitCents} cents; this is ${amountCents}`);
  return { status: 201, body: { charge: `c-${++charges}`, order, amountCents } };
});
