import t from 'tap';
import { Buckets, newBucketMemory } from '../../../../dataplane/filters/rate-limit/buckets.ts';
import { limitKey } from '../../../../dataplane/filters/rate-limit/limit-key.ts';
import { RateLimit } from '../../../../dataplane/filters/rate-limit/rate-limit.ts';
import { RateLimitStats } from '../../../../dataplane/filters/rate-limit/rate-limit-stats.ts';
import { RateLimits } from '../../../../dataplane/filters/rate-limit/rate-limits.ts';
import { readRequestHead } from '../../../../dataplane/http1/read-request-head.ts';
import type { Caller } from '../../../../dataplane/message/caller.ts';
import { RequestHead } from '../../../../dataplane/message/request-head.ts';
import { newSlotMemory, SlotTable } from '../../../../observability/metrics/slots.ts';

const limits = { headBytes: 65_536, headerCount: 100, targetBytes: 16_384 };
const caller: Caller = { removes: 0, refuses: 0, isTrusted: false, address: Buffer.of(), forwarding: null, via: null };
const onceADay = { requests: 1, perMs: 86_400_000, burst: 1, isShadow: false };

function headOf(fields: string): RequestHead {
  const head = new RequestHead();
  const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: app\r\n${fields}\r\n`);
  readRequestHead(head, bytes, 0, bytes.length, limits);
  return head;
}

/** Limits of one a day in a memory of their own, and what is counted of them. */
function limiting(memory = newBucketMemory()) {
  const names = new Map<number, string>();
  const metrics = new SlotTable(newSlotMemory(), ({ slot, name }) => names.set(slot, name));
  const buckets = new Buckets(memory, 0);
  const labels = { direction: 'outbound', service: '', route: 'r', limit: 'l', shadow: 'false' };
  const make = (identity: string, header?: string) => {
    const key = header === undefined ? null : limitKey({ header });
    const settings = { name: identity, ...onceADay };
    return new RateLimits(
      [new RateLimit(identity, settings, key, buckets, new RateLimitStats(metrics, labels))],
      buckets,
    );
  };
  const counted = (wanted: string) => [...names].find(([, name]) => name === wanted)?.[0];
  return { make, count: (name: string) => metrics.values[counted(name)!] };
}

t.test('limits of the same identity share a bucket, whoever made them; others have their own', async (t) => {
  const memory = newBucketMemory();
  const [one, other] = [limiting(memory), limiting(memory)];
  t.equal(one.make('a').refusalOf(headOf(''), caller, 1000), null);
  t.equal(other.make('a').refusalOf(headOf(''), caller, 1000)?.waitUs, 86_400_000_000);
  t.equal(other.make('b').refusalOf(headOf(''), caller, 1000), null);
});

t.test('keys of two limits are told apart', async (t) => {
  const { make } = limiting();
  const head = headOf('x-user: ada\r\n');
  const [one, other] = [make('a', 'X-User'), make('b', 'x-user')];
  t.equal(one.refusalOf(head, caller, 0), null);
  t.equal(other.refusalOf(head, caller, 0), null);
  t.ok(one.refusalOf(head, caller, 0));
});

t.test('keys beyond all room pass uncounted, take nobody’s bucket and not that of any limit', async (t) => {
  const { make, count } = limiting();
  const keyed = make('keyed', 'x-user');
  const first = headOf('x-user: ada\r\n');
  const ask = (user: number) => keyed.refusalOf(headOf(`x-user: ${user}\r\n`), caller, 1000);
  t.equal(keyed.refusalOf(first, caller, 1000), null);
  for (let user = 0; user < 100_000; user++) ask(user);
  const unplaced = count('meshlane_rate_limit_unplaced_total')!;
  t.ok(unplaced > 100_000 - 65_536 && unplaced < 50_000, `${unplaced} found no room`);
  t.ok(keyed.refusalOf(first, caller, 1000), 'who was there before all others still has its bucket');
  const plain = make('plain');
  t.equal(plain.refusalOf(first, caller, 1000), null);
  t.ok(plain.refusalOf(first, caller, 1000));
});
