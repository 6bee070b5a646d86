import t from 'tap';
import { WeightedDraw } from '../../../dataplane/cluster/weighted-draw.ts';
import { seededRandom } from '../../harness/seeded-random.ts';

/** Shares that numbers spread evenly over their whole range lead to: what the table says, without chance. */
function sharesOf(weights: readonly number[], draws = 100_000): number[] {
  let number = 0;
  const draw = new WeightedDraw(Float64Array.from(weights), () => Math.floor(((number++ + 0.5) / draws) * 2 ** 32));
  const seen = weights.map(() => 0);
  for (let i = 0; i < draws; i++) seen[draw.draw()]! += 1;
  return seen.map((count) => count / draws);
}

t.test('places are drawn in proportion to their weights', async (t) => {
  for (const weights of [[1], [1, 1, 1], [1, 2, 3], [1000, 1], [1, 1000, 1, 1, 3], [0.1, 1, 1, 1]]) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const misses = sharesOf(weights).map((share, place) => Math.abs(share - weights[place]! / total));
    t.ok(Math.max(...misses) < 1e-4, `${weights}: misses by ${Math.max(...misses)}`);
  }
});

t.test('a draw is a place for every random number', async (t) => {
  for (const number of [0, 2 ** 31, 2 ** 32 - 1]) {
    const place = new WeightedDraw(Float64Array.of(3, 1, 2), () => number).draw();
    t.ok([0, 1, 2].includes(place), `${number}: ${place}`);
  }
  const draw = new WeightedDraw(Float64Array.of(1, 3), seededRandom());
  let seconds = 0;
  for (let i = 0; i < 10_000; i++) seconds += draw.draw();
  t.ok(Math.abs(seconds - 7500) < 150);
});
