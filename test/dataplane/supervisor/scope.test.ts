import t from 'tap';
import { Scope } from '../../../dataplane/supervisor/scope.ts';

/** A scope with a clock of the test's. */
function scopeAt({ always = [] as readonly string[], random = 0 } = {}) {
  const clock = { nowMs: 0 };
  return { clock, scope: new Scope({ always, now: () => clock.nowMs, random: () => random }) };
}

const told = (services: readonly string[], { full = false, isScoped = true } = {}) => ({ full, isScoped, services });

t.test('a service leaves when nobody called it for 10 minutes, or up to 12', async (t) => {
  for (const [random, stayMs] of [
    [0, 600_000],
    [1, 720_000],
  ] as const) {
    const { scope, clock } = scopeAt({ always: ['db'], random });
    t.ok(scope.call('app'));
    t.notOk(scope.call('app'), 'it is new only once');
    clock.nowMs = 1000;
    scope.call('app');
    clock.nowMs = 1000 + stayMs - 1;
    t.notOk(scope.leaveIdle());
    clock.nowMs++;
    t.ok(scope.leaveIdle());
    t.strictSame(scope.services, ['db'], 'what is always there stays');
  }
});

t.test('of more than 10,000 services the one leaves that was called longest ago', async (t) => {
  const { scope, clock } = scopeAt({ always: ['db'] });
  for (let i = 1; i < 10_000; i++) {
    clock.nowMs = i;
    scope.call(`s${i}`);
  }
  scope.call('s1');
  scope.call('more');
  const services = new Set(scope.services);
  t.equal(services.size, 10_000);
  t.strictSame(
    ['db', 's1', 's2', 's3', 'more'].map((service) => services.has(service)),
    [true, true, false, true, true],
  );
});

t.test(
  'instances are known from the update on that says so, for as long as their service is in the scope',
  async (t) => {
    const { scope, clock } = scopeAt();
    const take = (update: ReturnType<typeof told>) => scope.follow(scope.knownAfter(update));
    t.equal(scope.known, null, 'nobody has spoken of scopes');
    scope.call('a');
    take(told([], { full: true }));
    t.strictSame(scope.known, []);
    take(told(['a']));
    t.strictSame(scope.known, ['a']);
    scope.call('b');
    take(told([]));
    t.strictSame(scope.known, ['a'], 'other updates change nothing');
    take(told(['b', 'c']));
    t.strictSame(scope.known, ['a', 'b'], 'an answer that comes late counts for nothing');
    take(told(['b'], { full: true }));
    t.strictSame(scope.known, ['b'], 'one with everything says it anew');
    clock.nowMs = 1_000_000;
    scope.leaveIdle();
    t.strictSame(scope.known, []);
    scope.call('b');
    t.strictSame(scope.known, [], 'it has to be told of again');
  },
);

t.test('a control plane that knows no scopes tells of everything, until another one comes', async (t) => {
  const { scope } = scopeAt();
  scope.call('a');
  t.equal(scope.knownAfter(told([], { full: true, isScoped: false })), null);
  scope.follow(null);
  t.notOk(scope.isScoped);
  t.equal(scope.knownAfter(told([], { isScoped: false })), null);
  scope.follow(scope.knownAfter(told(['a'], { full: true })));
  t.strictSame(scope.known, ['a']);
});
