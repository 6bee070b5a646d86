import t from 'tap';
import { retrySettings } from '../../../dataplane/snapshot/retry-settings.ts';
import { policyDefaults } from '../../../shared/resources/policy-defaults.ts';

t.test('no reply of gRPC is looked at for a retry where there are none', async (t) => {
  const on = ['unavailable' as const, 'internal' as const];
  t.same([...retrySettings({ ...policyDefaults.retry, on }).grpcStatuses], [14, 13]);
  t.equal(retrySettings({ ...policyDefaults.retry, on, attempts: 0 }).grpcStatuses.size, 0);
});
