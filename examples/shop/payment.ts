// Takes money. A charge must not happen twice, so it is a POST and nobody tries it again on the way.
//   POST /charges {"order","user","amountCents"}
// Undoing it twice is the same as once, and an order that is undone can no longer be charged: the charge may still be
// under way. GET /charges/{order} tells what became of it.
//   DELETE /charges/{order}     GET /charges/{order}
import { HttpError, type Reply, readFlags, serve } from './app.ts';

type Charge = { readonly charge: string | null; readonly amountCents: number; readonly refunded: boolean };

const flags = readFlags({ port: null });
const limitCents = 10_000;
/** Above this the oldest charge is settled: it can no longer be looked up or refunded. */
const maxCharges = 1_000;
const charges = new Map<string, Charge>();
let count = 0;

function keep(order: string, charge: Charge): Charge {
  charges.set(order, charge);
  if (charges.size > maxCharges) charges.delete(charges.keys().next().value!);
  return charge;
}

function charge(input: unknown): Reply {
  const { order, user, amountCents } = (input ?? {}) as { order?: unknown; user?: unknown; amountCents?: unknown };
  if (typeof order !== 'string' || typeof user !== 'string' || !Number.isInteger(amountCents))
    throw new HttpError(400, 'expected {"order": "o-1", "user": "ada", "amountCents": 450}');
  const known = charges.get(order);
  if (known) throw new HttpError(409, `order ${order} is ${known.refunded ? 'refunded' : 'charged'} already`);
  if ((amountCents as number) > limitCents)
    throw new HttpError(402, `${user}'s card takes no more than ${limitCents} cents; this is ${amountCents}`);
  const made = keep(order, { charge: `c-${++count}`, amountCents: amountCents as number, refunded: false });
  return { status: 201, body: { order, ...made } };
}

function refund(order: string): Reply {
  const { charge = null, amountCents = 0 } = charges.get(order) ?? {};
  return { body: { order, ...keep(order, { charge, amountCents, refunded: true }) } };
}

function show(order: string): Reply {
  const known = charges.get(order);
  if (!known) throw new HttpError(404, `there is no charge for order "${order}"`);
  return { body: { order, ...known } };
}

serve('payment', flags.port, ({ method, path: [collection, order, more], json }) => {
  if (collection !== 'charges' || more !== undefined) return undefined;
  if (order === undefined) return method === 'POST' ? charge(json()) : undefined;
  if (method === 'DELETE') return refund(order);
  return method === 'GET' ? show(order) : undefined;
});
