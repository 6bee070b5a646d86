import t from 'tap';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { startApp, startPlane, startSidecar } from './mesh.ts';

t.test('a sidecar registers its zone as a label, and its weight', async (t) => {
  const state = tempFolder(t);
  const plane = await startPlane(t, 'sqlite::memory:');
  await plane.call('PUT', '/v1/services/product', {});
  const app = await startApp(t, 'product');
  const more = ['--zone', 'eu-1a', '--weight', '3', '--labels', 'version=v1'];
  await startSidecar(t, { push: plane.push, state, name: 'product-1', service: 'product', app, more });
  const registered = () => plane.call('GET', '/v1/instances/product-1');
  await until(async () => (await registered()).status === 200);
  t.match((await registered()).body, {
    labels: { 'topology.kubernetes.io/zone': 'eu-1a', version: 'v1' },
    spec: { weight: 3 },
  });
});
