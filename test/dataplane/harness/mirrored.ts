import type { AnyResource } from '../../../shared/resources/schema.ts';
import { until } from '../../harness/until.ts';
import { route } from './resources.ts';
import type { StaticProxy } from './static-proxy.ts';

/** A route for `app` whose requests are copied to `shadow`. */
export function mirroredRoute(mirror: object = {}, rule: object = {}): AnyResource {
  const rules = [{ backends: [{ service: 'app' }], mirrors: [{ service: 'shadow', ...mirror }], ...rule }];
  return route('r', rules, ['app']);
}

/** Waits until so many copies came to such an end, and no request and no copy is under way any more. */
export async function copied(proxy: StaticProxy, result: string, count: number): Promise<void> {
  await until(async () => (await proxy.metric('meshlane_mirrored_requests_total', { result })) === count, {
    what: `copy ${count} to be ${result}`,
  });
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0, { what: 'nothing in flight' });
}
