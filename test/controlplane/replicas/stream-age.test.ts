import t from 'tap';
import { grpc } from '../../../shared/grpc/grpc.ts';
import { until } from '../../harness/until.ts';
import { echo, startPlane } from '../plane.ts';
import { Sidecar } from '../sidecar.ts';

t.test('a stream that has come to its longest age is told to connect again', async (t) => {
  const plane = await startPlane(t, { streamMs: 1_000 });
  await plane.call('PUT', '/v1/services/echo', echo);
  const sidecar = new Sidecar(t, plane.push, 's');
  await until(() => sidecar.ended);
  t.match(sidecar.ended, { code: grpc.status.UNAVAILABLE, details: /^reconnect/ });
  t.ok(sidecar.documents.has('Service/echo'), 'it was served before');
  const again = new Sidecar(t, plane.push, 's');
  await until(() => again.documents.has('Service/echo'));
});
