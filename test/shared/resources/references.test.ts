import t from 'tap';
import { checkReferences, type ResourceSet, usersOfService } from '../../../shared/resources/references.ts';
import { keyOf } from '../../../shared/resources/resource.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';
import { policy, route, service } from '../../dataplane/harness/resources.ts';

function setOf(...resources: AnyResource[]): ResourceSet {
  const byKey = new Map(resources.map((resource) => [keyOf(resource), resource]));
  return { get: (key) => byKey.get(key), list: (kind) => resources.filter((resource) => resource.kind === kind) };
}

const fallback = { service: 'cache' };
const withFallback = policy('app', { breaker: { fallback } });
const routed = route('shop', [
  { backends: [{ service: 'app' }] },
  { backends: [{ service: 'app' }], breaker: { fallback } },
]);

t.test('a fallback has to be a service, and another one', async (t) => {
  const without = setOf(service('app'));
  t.same(
    [withFallback, routed].flatMap((one) => checkReferences(one, without).map(({ pointer }) => pointer)),
    ['/spec/breaker/fallback/service', '/spec/rules/1/breaker/fallback/service'],
  );
  const set = setOf(service('app'), service('cache'));
  t.same(
    [withFallback, routed].flatMap((one) => checkReferences(one, set)),
    [],
  );
  const itself = policy('app', { breaker: { fallback: { service: 'app' } } });
  t.match(checkReferences(itself, set), [{ pointer: '/spec/breaker/fallback/service', message: /target of this/ }]);
});

t.test('who falls back on a service needs it', async (t) => {
  const set = setOf(service('app'), service('cache'), withFallback, routed);
  t.same(usersOfService('cache', set), [routed, withFallback]);
});
