// What is on the shelf. A reservation has the order's id, so that making or undoing it twice is the same as once.
//   PUT /reservations/{order} {"product","quantity"}     DELETE /reservations/{order}     GET /stock
// It can be broken on purpose:
//   POST /admin/fail {"mode":"errors"|"slow"|"off","percent":100}     GET /admin/fail
import { setTimeout as wait } from 'node:timers/promises';
import { HttpError, type Reply, type Request, readFlags, serve } from './app.ts';

type Reservation = { readonly product: string; readonly quantity: number };
type Fault = { readonly mode: 'errors' | 'slow' | 'off'; readonly percent: number };

const flags = readFlags({ port: null });
const slowMs = 2_000;
/** Above this the oldest reservation counts as shipped and its place on the shelf is filled again. */
const maxReservations = 1_000;

const stock = new Map([
  ['tea', 10_000],
  ['coffee', 10_000],
  ['mug', 10_000],
]);
const reservations = new Map<string, Reservation>();
let fault: Fault = { mode: 'off', percent: 100 };

function putBack({ product, quantity }: Reservation): void {
  stock.set(product, (stock.get(product) ?? 0) + quantity);
}

function reserve(order: string, input: unknown): Reply {
  const { product, quantity } = (input ?? {}) as Partial<Reservation>;
  if (typeof product !== 'string' || !Number.isInteger(quantity) || quantity! < 1)
    throw new HttpError(400, 'expected {"product": "tea", "quantity": 1}');
  const made = reservations.get(order);
  if (made) return { body: { order, ...made, reserved: true } };
  const left = stock.get(product);
  if (left === undefined) throw new HttpError(404, `there is no product "${product}"`);
  if (left < quantity!) throw new HttpError(409, `only ${left} of ${product} left`);
  const reservation = { product, quantity: quantity! };
  stock.set(product, left - quantity!);
  reservations.set(order, reservation);
  if (reservations.size > maxReservations) release(reservations.keys().next().value!);
  return { status: 201, body: { order, ...reservation, reserved: true } };
}

function release(order: string): Reply {
  const made = reservations.get(order);
  if (made) putBack(made);
  reservations.delete(order);
  return { body: { order, reserved: false } };
}

function setFault(input: unknown): Reply {
  const { mode, percent = 100 } = (input ?? {}) as { mode?: unknown; percent?: unknown };
  if (mode !== 'errors' && mode !== 'slow' && mode !== 'off')
    throw new HttpError(400, `mode must be "errors", "slow" or "off"; got ${JSON.stringify(mode)}`);
  if (typeof percent !== 'number' || !(percent >= 0 && percent <= 100))
    throw new HttpError(400, `percent must be a number from 0 to 100; got ${JSON.stringify(percent)}`);
  fault = { mode, percent };
  return { body: fault };
}

async function actBroken(): Promise<void> {
  if (fault.mode === 'off' || Math.random() * 100 >= fault.percent) return;
  if (fault.mode === 'errors')
    throw new HttpError(503, 'inventory is broken (POST /admin/fail {"mode":"off"} mends it)');
  await wait(slowMs);
}

async function handle({ method, path: [collection, id, more], json }: Request): Promise<Reply | undefined> {
  if (more !== undefined) return undefined;
  if (collection === 'admin' && id === 'fail') {
    if (method === 'GET') return { body: fault };
    return method === 'POST' ? setFault(json()) : undefined;
  }
  await actBroken();
  if (method === 'GET' && collection === 'stock' && id === undefined) return { body: Object.fromEntries(stock) };
  if (collection !== 'reservations' || id === undefined) return undefined;
  if (method === 'PUT') return reserve(id, json());
  return method === 'DELETE' ? release(id) : undefined;
}

serve('inventory', flags.port, handle);
