import t from 'tap';
import { EdfSchedule, firstDeadlines } from '../../../dataplane/cluster/edf-schedule.ts';
import { seededRandom } from '../../harness/seeded-random.ts';

t.test('turns come evenly spread in proportion to the weights', async (t) => {
  const weights = [5, 1, 1];
  const schedule = new EdfSchedule(Float64Array.from(weights, (weight) => 0.5 / weight));
  const turns = Array.from({ length: 14 }, () => {
    const place = schedule.next!;
    schedule.takeTurn(1 / weights[place]!);
    return place;
  });
  for (const half of [turns.slice(0, 7), turns.slice(7)]) t.same(half.toSorted(), [0, 0, 0, 0, 0, 1, 2]);
  t.notMatch(turns.join(''), /0{6}|1[12]{2}/, 'nobody has all its turns at once');
});

t.test('the earliest of a thousand deadlines is next, however they change', async (t) => {
  const random = seededRandom();
  const deadlines = Float64Array.from({ length: 1000 }, () => random() % 5000);
  const schedule = new EdfSchedule(deadlines);
  const plain = [...deadlines];
  for (let i = 0; i < 5000; i++) {
    const place = schedule.next!;
    if (plain[place] !== Math.min(...plain)) return t.fail(`turn ${i} is not that of the earliest`);
    const after = random() % 300;
    plain[place]! += after;
    schedule.takeTurn(after);
  }
});

t.test('no turn where there is nobody', async (t) => {
  t.equal(new EdfSchedule(new Float64Array(0)).next, undefined);
});

t.test('first deadlines fall within the first period of each', async (t) => {
  const deadlines = firstDeadlines(Float64Array.of(1, 10, 1000), seededRandom());
  for (const [i, period] of [1, 0.1, 0.001].entries()) t.ok(deadlines[i]! >= 0 && deadlines[i]! < period);
});
