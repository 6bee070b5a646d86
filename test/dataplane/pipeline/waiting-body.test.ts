import t from 'tap';
import { WaitingBody } from '../../../dataplane/pipeline/waiting-body.ts';
import { seededRandom } from '../../harness/seeded-random.ts';

t.test('what was added comes out in order, however it was cut and whenever it is taken', async (t) => {
  const random = seededRandom(1);
  const body = new WaitingBody();
  const added: Buffer[] = [];
  const taken: Buffer[] = [];
  const takeAll = () => {
    for (let piece = body.take(); piece !== null; piece = body.take()) taken.push(piece);
    t.equal(body.bytes, 0);
  };
  for (let i = 0; i < 2000; i++) {
    const bytes = Buffer.alloc(random() % (i % 50 === 0 ? 40_000 : 300), `${i} `);
    const from = random() % (bytes.length + 1);
    added.push(Buffer.from(bytes.subarray(from)));
    body.add(bytes, from, bytes.length);
    bytes.fill('-'); // it is only good during the call
    if (random() % 20 === 0) takeAll();
  }
  takeAll();
  t.ok(Buffer.concat(taken).equals(Buffer.concat(added)));
  t.ok(taken.every(({ length }) => length > 0));
});

t.test('small pieces share memory', async (t) => {
  const body = new WaitingBody();
  for (let i = 0; i < 10_000; i++) body.add(Buffer.from('x'), 0, 1);
  t.equal(body.bytes, 10_000);
  t.equal(body.take()!.length, 4096);
  body.drop();
  t.equal(body.bytes, 0);
  t.equal(body.take(), null);
});
