// What is sold and for how much. v2 gives 10 % off; every reply says which version made it.
//   GET /products       GET /products/{id}
import { HttpError, readFlags, serve } from './app.ts';

const flags = readFlags({ port: null, version: 'v1' });
const discountPercent = flags.version === 'v2' ? 10 : 0;

const fullPriceCents = new Map([
  ['tea', 450],
  ['coffee', 1200],
  ['mug', 900],
]);

const productOf = (id: string, cents: number) => ({
  id,
  priceCents: Math.round((cents * (100 - discountPercent)) / 100),
  version: flags.version,
});

serve(`product ${flags.version}`, flags.port, ({ method, path: [collection, id, more] }) => {
  if (method !== 'GET' || collection !== 'products' || more !== undefined) return undefined;
  if (id === undefined) {
    const products = [...fullPriceCents].map(([known, cents]) => productOf(known, cents));
    return { body: { version: flags.version, products } };
  }
  const cents = fullPriceCents.get(id);
  if (cents === undefined)
    throw new HttpError(404, `there is no product "${id}"; known: ${[...fullPriceCents.keys()].join(', ')}`);
  return { body: productOf(id, cents) };
});
