import { join } from 'node:path';
import t from 'tap';
import { CheckedOutBuffer } from '../../../dataplane/transport/checked-out-buffer.ts';
import type { Transport } from '../../../shared/transport/transport.ts';
import { runCommand } from '../../harness/run-command.ts';

class First {}
class Second {}

const written: string[] = [];
const transport = {
  unsentBytes: 0,
  write: (bytes: Buffer) => {
    written.push(bytes.toString());
    return true;
  },
} as unknown as Transport;

t.test('messages follow each other, each written before the next begins', async (t) => {
  const shared = new CheckedOutBuffer();
  const [first, second] = [shared.of(new First()), shared.of(new Second())];
  first.text('first');
  first.bytes[first.length] = 33;
  first.length += 1;
  first.flushTo(transport);
  second.text('second');
  second.flushTo(transport);
  second.text('gone');
  second.discard();
  t.same(written.splice(0), ['first!', 'second']);
});

t.test('who comes upon the bytes of another can neither add to them, write them nor throw them away', async (t) => {
  const shared = new CheckedOutBuffer();
  const [first, second] = [shared.of(new First()), shared.of(new Second())];
  first.text('first');
  const fault = { message: 'Second meets 5 bytes that First has not written' };
  t.throws(() => second.text('second'), fault);
  t.throws(() => second.flushTo(transport), fault);
  t.throws(() => second.discard(), fault);
  t.throws(() => {
    second.length = 0;
  }, fault);
  first.flushTo(transport);
  t.same(written.splice(0), ['first']);
});

t.test('what is left behind at the end of an event breaks the worker', async (t) => {
  const script = `import { CheckedOutBuffer } from './dataplane/transport/checked-out-buffer.ts';
    class First {}
    new CheckedOutBuffer().of(new First()).text('first');`;
  const cwd = join(import.meta.dirname, '..', '..', '..');
  const { code, stderr } = await runCommand(process.execPath, ['--input-type=module', '-e', script], { cwd });
  t.equal(code, 1);
  t.match(stderr, 'First has left 5 bytes behind');
});
