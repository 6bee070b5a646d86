import t from 'tap';
import { hashBytes, hashText } from '../../../../dataplane/cluster/hashing/murmur3.ts';

t.test('hashes are the upper 31 bits of MurmurHash3', async (t) => {
  for (const [text, seed, hash] of [
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['test', 0, 0xba6bd213],
    ['Hello, world!', 0, 0xc0363e43],
    ['aaaa', 0x9747b28c, 0x5a97808a],
    ['aaa', 0x9747b28c, 0x283e0130],
    ['aa', 0x9747b28c, 0x5d211726],
    ['a', 0x9747b28c, 0x7fa09ea6],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ] as const)
    t.equal(hashText(text, seed), hash >>> 1, JSON.stringify(text));
});

t.test('a part of some bytes has the hash that it has alone', async (t) => {
  const bytes = Buffer.from('cookie: session=abcdefg; theme=dark');
  for (let from = 0; from < bytes.length; from++)
    for (let to = from; to <= bytes.length; to++)
      if (hashBytes(bytes, from, to) !== hashText(bytes.toString('latin1', from, to)))
        return t.fail(`${from} to ${to}`);
  t.pass('wherever it stands');
});
