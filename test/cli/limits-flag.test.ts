import t from 'tap';
import { limitsOf } from '../../cli/limits-flag.ts';

t.test('pairs become limits, numbers as numbers', async (t) => {
  t.strictSame(limitsOf('headTimeout=5s,bodyBytes=1000,halfClose=cancel'), {
    headTimeout: '5s',
    bodyBytes: 1000,
    halfClose: 'cancel',
  });
  t.strictSame(limitsOf(undefined), {});
  t.throws(() => limitsOf('bodyBytes'), { message: /NAME=VALUE/ });
});
