import t from 'tap';
import { exposeSlots } from '../../../observability/metrics/exposition.ts';
import { durationBuckets, newSlotMemory, SlotReader, SlotTable } from '../../../observability/metrics/slots.ts';

function table() {
  const memory = newSlotMemory();
  const reader = new SlotReader(memory);
  return { reader, table: new SlotTable(memory, (series) => reader.add(series)) };
}

const linesOf = async (...readers: SlotReader[]) => (await exposeSlots(readers)).split('\n');

t.test('a series has one slot, however often it is asked for', async (t) => {
  const { table: slots, reader } = table();
  const slot = slots.counter('a_total', 'A.', { x: '1' });
  t.equal(slots.counter('a_total', 'A.', { x: '1' }), slot);
  t.not(slots.counter('a_total', 'A.', { x: '2' }), slot);
  t.equal(reader.series.length, 2);
});

t.test('the tables of all workers are summed', async (t) => {
  const [one, two] = [table(), table()];
  one.table.values[one.table.counter('a_total', 'A.', { x: '"\\\n' })]! += 2;
  two.table.values[two.table.gauge('g', 'G.', {})]! += 7;
  two.table.values[two.table.counter('a_total', 'A.', { x: '"\\\n' })]! += 3;
  const lines = await linesOf(one.reader, two.reader);
  t.ok(lines.includes('a_total{x="\\"\\\\\\n"} 5'), lines.join('\n'));
  t.ok(lines.includes('g 7'));
  t.ok(lines.includes('# TYPE a_total counter'));
});

t.test('durations fall into the bucket whose bound they do not pass', async (t) => {
  const { table: slots, reader } = table();
  const slot = slots.histogram('d_seconds', 'D.', { r: 'x' });
  for (const ms of [0, 0.5, 0.51, 1, 10_000, 10_001]) slots.observe(slot, ms);
  const lines = await linesOf(reader);
  for (const [bound, count] of [
    ['0.0005', 2],
    ['0.001', 4],
    ['5', 4],
    ['10', 5],
    ['+Inf', 6],
  ] as const)
    t.ok(
      lines.some(
        (line) => /^d_seconds_bucket/.test(line) && line.includes(`le="${bound}"`) && line.endsWith(` ${count}`),
      ),
      `${bound}: ${count}`,
    );
  t.ok(lines.includes('d_seconds_count{r="x"} 6'));
  t.ok(lines.some((line) => /^d_seconds_sum\{r="x"\} 20\.00301/.test(line)));
  t.equal(durationBuckets.length, 14);
});

t.test('a full table keeps counting in one series per name that says so', async (t) => {
  const { table: slots, reader } = table();
  const seen = new Set<number>();
  for (let i = 0; i < 70_000; i++) {
    const slot = slots.counter('many_total', 'Many.', { i: `${i}` });
    slots.values[slot]! += 1;
    seen.add(slot);
  }
  const histogram = slots.histogram('late_seconds', 'Late.', { i: 'x' });
  slots.observe(histogram, 1);
  t.ok(seen.size < 65_536);
  const overflow = reader.series.filter(({ labels }) => labels['overflow'] === 'true');
  t.same(overflow.map(({ name }) => name).sort(), ['late_seconds', 'many_total']);
  let sum = 0;
  for (const { name, slot } of reader.series) if (name === 'many_total') sum += reader.value(slot);
  t.equal(sum, 70_000, 'nothing is lost and nothing counted twice');
  const late = overflow.find(({ name }) => name === 'late_seconds')!;
  t.equal(reader.value(late.slot + durationBuckets.length + 2), 1);
});
