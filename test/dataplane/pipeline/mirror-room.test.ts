import t from 'tap';
import { MirrorRoom } from '../../../dataplane/pipeline/mirror-room.ts';

const mebibyte = 1_048_576;

t.test('1024 mirrors have room, and each makes room when it leaves', async (t) => {
  const room = new MirrorRoom();
  for (let i = 0; i < 1024; i++) t.ok(room.tryEnter());
  t.notOk(room.tryEnter());
  room.leave();
  t.ok(room.tryEnter());
  t.notOk(room.tryEnter());
});

t.test('1 MiB may wait for a mirror, and 32 MiB for all of them', async (t) => {
  const room = new MirrorRoom();
  t.ok(room.tryKeep(1, mebibyte - 1));
  t.notOk(room.tryKeep(1, mebibyte));
  room.free(1);
  for (let i = 0; i < 32; i++) t.ok(room.tryKeep(mebibyte, 0));
  t.notOk(room.tryKeep(1, 0));
  room.free(1);
  t.ok(room.tryKeep(1, 0));
});

t.test('one difference a second may be logged', async (t) => {
  const room = new MirrorRoom();
  t.strictSame(
    [0, 999, 1000, 1500, 2000].map((nowMs) => room.tryLog(nowMs)),
    [true, false, true, false, true],
  );
});
