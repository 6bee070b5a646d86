import fc from 'fast-check';
import t from 'tap';
import { ConnectionShare, newConnectionShares } from '../../../dataplane/listener/connection-share.ts';
import { holdsFor } from '../../harness/property.ts';

/** The shares of one listener, as each worker sees them; all have joined. */
function sharesOf(workers: number): ConnectionShare[] {
  const memory = newConnectionShares(1, workers);
  const shares = Array.from({ length: workers }, (_, own) => new ConnectionShare(memory, 0, workers, own));
  for (const share of shares) share.join();
  return shares;
}

const countsOf = (shares: readonly ConnectionShare[]) => shares.map((share) => share.countOf(share.own));

const acceptances = fc
  .tuple(fc.constantFrom(2, 3, 4), fc.integer({ min: 16, max: 400 }))
  .chain(([workers, connections]) =>
    fc.record({
      workers: fc.constant(workers),
      by: fc.array(fc.nat({ max: workers - 1 }), { minLength: connections, maxLength: connections }),
    }),
  );

t.test(
  'whoever accepts them, connections are within 20 % of an even share, and the most within 20 % of the least',
  async (t) => {
    const show = ({ workers, by }: { workers: number; by: readonly number[] }) => `${workers} workers: ${by.join(' ')}`;
    holdsFor(t, acceptances, { runs: 300, show }, ({ workers, by }) => {
      const shares = sharesOf(workers);
      for (const worker of by) shares[worker]!.take();
      const counts = countsOf(shares);
      const sum = counts.reduce((a, b) => a + b);
      if (sum !== by.length) throw new Error(`${sum} are counted of ${by.length}`);
      const [least, most] = [Math.min(...counts), Math.max(...counts)];
      if (most - least > 1 && most > least * 1.2) throw new Error(`shares are ${counts.join(' / ')}`);
      const even = sum / workers;
      if (most - least > 1 && even - least > 0.2 * even) throw new Error(`shares are ${counts.join(' / ')}`);
    });
  },
);

t.test('a worker that is no busier than the others keeps what it accepts', async (t) => {
  const [first, second] = sharesOf(2);
  t.equal(first!.take(), 0);
  t.equal(second!.take(), 1);
  for (let i = 0; i < 100; i++) t.equal(first!.take(), second!.take() === 1 ? 0 : -1);
});

t.test('a burst that one worker accepts by itself is spread over all', async (t) => {
  const shares = sharesOf(4);
  for (let i = 0; i < 16; i++) shares[2]!.take();
  t.strictSame(countsOf(shares), [4, 4, 4, 4]);
});

t.test(
  'a worker gets nothing before it has joined and after it has left, and keeps count of what it has',
  async (t) => {
    const memory = newConnectionShares(2, 2);
    const early = new ConnectionShare(memory, 1, 2, 0);
    const late = new ConnectionShare(memory, 1, 2, 1);
    early.join();
    for (let i = 0; i < 10; i++) t.equal(early.take(), 0);
    late.join();
    for (let i = 0; i < 10; i++) t.equal(early.take(), 1);
    late.leave();
    t.equal(early.countOf(1), 10);
    for (let i = 0; i < 10; i++) t.equal(early.take(), 0);
    for (let i = 0; i < 10; i++) late.giveBack();
    t.equal(late.countOf(1), 0);
    t.equal(new ConnectionShare(memory, 0, 2, 0).countOf(0), 0, 'another listener has its own counts');
  },
);

t.test('a connection that could not be given away is counted where it stays', async (t) => {
  const shares = sharesOf(2);
  shares[0]!.take();
  t.equal(shares[0]!.take(), 1);
  shares[0]!.takeBack(1);
  t.strictSame(countsOf(shares), [2, 0]);
});
