import t from 'tap';
import { Base64Decoder } from '../../../dataplane/pipeline/base64-decoder.ts';

/** What pieces come to, one after another; null when one of them is refused. */
function decoded(pieces: readonly string[]): string | null {
  const decoder = new Base64Decoder();
  const bytes: Buffer[] = [];
  for (const piece of pieces) {
    const part = decoder.decode(Buffer.from(`>${piece}<`), 1, piece.length + 1);
    if (part === null) return null;
    bytes.push(part);
  }
  return decoder.isWhole ? Buffer.concat(bytes).toString('latin1') : null;
}

const texts = ['', 'a', 'ab', 'abc', 'abcd', '\x00\xff\xfe', 'the frame of a message'];
const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');

t.test('text comes to the same bytes however it is cut', async (t) => {
  for (const first of texts)
    for (const second of texts) {
      const text = base64(first) + base64(second);
      const isRight = (...pieces: string[]) => decoded(pieces) === first + second;
      for (let i = 0; i <= text.length; i++)
        for (let k = i; k <= text.length; k++)
          if (!isRight(text.slice(0, i), text.slice(i, k), text.slice(k))) t.fail(`${text} at ${i} and ${k}`);
      if (!isRight(...text)) t.fail(`${text} in single characters`);
    }
  t.pass();
});

t.test('every byte comes through', async (t) => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  for (const bytes of [all, Buffer.concat([Buffer.from('a'), all]), Buffer.concat([Buffer.from('ab'), all])])
    t.equal(decoded([bytes.toString('base64')]), bytes.toString('latin1'));
});

t.test('what is not base64 is refused wherever it is cut', async (t) => {
  for (const text of [
    '=',
    'Y=',
    'Y===',
    '====',
    'YW=J',
    'YQ=YQ==',
    'YQ',
    'YWI',
    'Y',
    'YWJj\n',
    'YW Jj',
    'YWJj-_',
    'YWJjé',
  ])
    for (let i = 0; i <= text.length; i++)
      if (decoded([text.slice(0, i), text.slice(i)]) !== null) t.fail(`${JSON.stringify(text)} at ${i}`);
  t.pass();
});
