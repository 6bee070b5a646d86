import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import t from 'tap';
import { checkCodec } from '../../conformance/http1/mutations/codec-check.ts';
import { mutate } from '../../conformance/http1/mutations/mutate.ts';
import { Random } from '../../conformance/http1/mutations/random.ts';
import { replySeeds, requestSeeds } from '../../conformance/http1/mutations/seeds.ts';
import { escaped, holdsFor } from '../../harness/property.ts';
import { message, serialise } from './arbitraries.ts';
import { type Relayed, relayReplies, relayRequests } from './codec-relay.ts';

/** A message, right or mutated, as bytes. */
type Input = { readonly kind: 'request' | 'reply'; readonly bytes: Buffer };

const right = message.map((one): Input => ({ kind: one.kind, bytes: serialise(one) }));
const mutated = fc.tuple(message, fc.nat()).map(([one, seed]): Input => {
  const text = serialise(one).toString('latin1');
  const others = one.kind === 'request' ? requestSeeds : replySeeds;
  return { kind: one.kind, bytes: Buffer.from(mutate(text, new Random(seed), others), 'latin1') };
});
const show = ({ bytes }: Input) => escaped(bytes);

/** Low, so that they are met. */
const limits = { headBytes: 400, headerCount: 12, targetBytes: 60 };

/** What is the same however the bytes come; what is written may be cut into other chunks. */
function outcome({ kind, bytes }: Input, cuts: readonly number[]): Omit<Relayed, 'written' | 'writtenWhole'> {
  const pieces = [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length));
  const relayed =
    kind === 'request' ? relayRequests(pieces, limits) : relayReplies(pieces, ['GET', 'HEAD'], true, limits);
  const { messages, isPartial, refused, end } = relayed;
  return { messages, isPartial, refused, end };
}

t.test('a message cut at any byte has the same verdict, fields and body', async (t) => {
  const short = fc.oneof(right, mutated).filter(({ bytes }) => bytes.length < 600);
  holdsFor(t, short, { runs: 400, show }, (input) => {
    const whole = outcome(input, []);
    const everywhere = Array.from({ length: Math.max(0, input.bytes.length - 1) }, (_, i) => i + 1);
    for (const cut of everywhere) deepStrictEqual(outcome(input, [cut]), whole, `cut at ${cut}`);
    deepStrictEqual(outcome(input, everywhere), whole, 'byte by byte');
  });
});

t.test('a message cut at many places has the same verdict, fields and body', async (t) => {
  const cuts = fc.uniqueArray(fc.nat({ max: 2999 }), { maxLength: 40 });
  const show = ([{ bytes }, places]: [Input, number[]]) => `${escaped(bytes)} cut at ${places.join(', ')}`;
  holdsFor(t, fc.tuple(fc.oneof(right, mutated), cuts), { runs: 2000, show }, ([input, places]) => {
    const inside = places.filter((place) => place > 0 && place < input.bytes.length).sort((a, b) => a - b);
    deepStrictEqual(outcome(input, inside), outcome(input, []));
  });
});

t.test('a mutated message is never written on as what a strict reader refuses or reads otherwise', async (t) => {
  holdsFor(t, mutated, { runs: 5000, show }, ({ kind, bytes }) => {
    const one = kind === 'request' ? { kind, bytes } : { kind, bytes, methods: ['GET', 'HEAD'] };
    deepStrictEqual(checkCodec(one, new Random(bytes.length)).fault, null);
  });
});
