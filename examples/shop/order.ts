// Takes orders. An order is a saga: each step is another service's, and a failed one undoes what was done before.
//   POST /orders {"user","product","quantity"}     GET /orders/{id}
//
//   check user -> get price -> reserve stock -> charge payment -> placed (201)
//                                  |                 |- declined: release the stock (402)
//                                  |                 `- no answer: refund what may be charged, release the stock (503)
//                                  |- no answer: release what may be reserved (503)
//                                  `- inventory is away, the mesh answers for it: back-ordered, not charged (202)
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { HttpError, type Reply, readFlags, serve } from './app.ts';
import { callerThrough, type ServiceReply, UnreachableError } from './client.ts';

type Wish = { readonly user: string; readonly product: string; readonly quantity: number };

const flags = readFlags({ port: null, mesh: null });
const call = callerThrough(flags.mesh);
const maxOrders = 1_000;
const orders = new Map<string, Record<string, unknown>>();

serve('order', flags.port, ({ method, path: [collection, id, more], headers, json }) => {
  if (collection !== 'orders' || more !== undefined) return undefined;
  if (method === 'POST' && id === undefined) return placeOrder(wishOf(json()), headers);
  if (method !== 'GET' || id === undefined) return undefined;
  const order = orders.get(id);
  if (!order) throw new HttpError(404, `there is no order "${id}"; the last ${maxOrders} are kept`);
  return { body: order };
});

function wishOf(input: unknown): Wish {
  const { user, product, quantity = 1 } = (input ?? {}) as Partial<Wish>;
  if (typeof user !== 'string' || typeof product !== 'string' || !Number.isInteger(quantity) || quantity < 1)
    throw new HttpError(400, 'expected {"user": "ada", "product": "tea", "quantity": 1}');
  return { user, product, quantity };
}

async function placeOrder({ user, product, quantity }: Wish, headers: IncomingHttpHeaders): Promise<Reply> {
  const id = `o-${randomUUID().slice(0, 8)}`;
  await step('user', call('user', 'GET', `/users/${encodeURIComponent(user)}`, headers));
  const { priceCents, version } = await step<{ priceCents: number; version: string }>(
    'product',
    call('product', 'GET', `/products/${encodeURIComponent(product)}`, headers),
  );
  const amountCents = priceCents * quantity;
  const order = { id, user, product, quantity, amountCents, productVersion: version };

  // What a step began is undone even when it seems to have failed: only its answer may be lost.
  const begun: Undo[] = [{ service: 'inventory', path: `/reservations/${id}` }];
  try {
    const { reserved } = await step<{ reserved: boolean }>(
      'inventory',
      call('inventory', 'PUT', `/reservations/${id}`, headers, { product, quantity }),
    );
    if (!reserved) {
      void undo(begun, headers); // the fallback answered; an attempt before it may have reserved
      return keep(202, { ...order, status: 'back-ordered' });
    }
    begun.unshift({ service: 'payment', path: `/charges/${id}` });
    const charge = await step<{ charge: string }>(
      'payment',
      call('payment', 'POST', '/charges', headers, { order: id, user, amountCents }),
    );
    return keep(201, { ...order, status: 'placed', charge: charge.charge });
  } catch (error) {
    // A refusal of the last step is an answer: there it changed nothing.
    const isRefused = error instanceof HttpError && error.status < 500;
    await undo(isRefused ? begun.slice(1) : begun, headers);
    throw error;
  }
}

/** A thing that another service made for the order; DELETE unmakes it, however often. */
type Undo = { readonly service: string; readonly path: string };

/** The service's answer; what it refuses goes to the customer as it is, what it fails at becomes a 503. */
async function step<T>(service: string, calling: Promise<ServiceReply>): Promise<T> {
  const { status, body } = await calling.catch((error: unknown): never => {
    throw error instanceof UnreachableError ? new HttpError(503, error.message) : error;
  });
  if (status < 400) return body as T;
  const said = (body as { error?: unknown } | null)?.error ?? body;
  const message = `${service}: ${typeof said === 'string' ? said.trim() : JSON.stringify(said)}`;
  throw new HttpError(status < 500 ? status : 503, message);
}

/** Last made, first unmade. Tells on stderr what could not be reached; never throws. */
async function undo(begun: readonly Undo[], headers: IncomingHttpHeaders): Promise<void> {
  for (const { service, path } of begun) {
    try {
      await step(service, call(service, 'DELETE', path, headers));
    } catch (error) {
      process.stderr.write(`${service}${path} may be left behind: ${(error as Error).message}\n`);
    }
  }
}

function keep(status: number, order: Record<string, unknown>): Reply {
  orders.set(order['id'] as string, order);
  if (orders.size > maxOrders) orders.delete(orders.keys().next().value!);
  return { status, body: order };
}
