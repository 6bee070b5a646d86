import t from 'tap';
import type { WireUpdate } from '../../../shared/discovery/discovery.ts';
import { discoveryMethods } from '../../../shared/discovery/discovery-methods.ts';
import { MessageWriter } from '../../../shared/discovery/protobuf.ts';
import type { grpc } from '../../../shared/grpc/grpc.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { echo, echo1, type Plane, startPlane, toEcho } from '../plane.ts';
import { newClient, Sidecar } from '../sidecar.ts';

/** A stream on which a test says bytes of its own. */
function openStream(t: Owner, plane: Plane) {
  const client = newClient(t, plane.push) as unknown as grpc.Client;
  const { path, responseDeserialize } = discoveryMethods.Stream;
  const stream = client.makeBidiStreamRequest(path, (bytes: Buffer) => bytes, responseDeserialize);
  const updates: WireUpdate[] = [];
  stream.on('data', (update: WireUpdate) => updates.push(update));
  stream.on('error', () => undefined);
  return { stream, updates };
}

const oldHello = () => new MessageWriter().string(1, 'old').string(2, 'echo').string(3, '0.0.1').uint(4, 7);
const ackOf = ({ revision }: WireUpdate) =>
  new MessageWriter().bytes(2, new MessageWriter().uint(1, revision).finish());

/** Fields of numbers that nobody has yet, of each wire type. */
const newer = Buffer.concat([
  new MessageWriter()
    .uint(90, 2 ** 40)
    .string(91, 'from the future')
    .finish(),
  Buffer.of(0xe5, 0x05, 1, 2, 3, 4), // 92, 32 bits
  Buffer.of(0xe9, 0x05, 1, 2, 3, 4, 5, 6, 7, 8), // 93, 64 bits
]);

t.test('a sidecar from before scopes gets everything, as ever', async (t) => {
  const plane = await startPlane(t);
  await plane.call('POST', '/v1/apply', { resources: [echo, echo1] });
  const { stream, updates } = openStream(t, plane);
  stream.write(new MessageWriter().bytes(1, oldHello().finish()).finish());
  await until(() => updates.length === 1);
  t.equal(updates[0]?.resources.length, 2);
  stream.write(ackOf(updates[0]!).finish());
  await plane.call('PUT', '/v1/routes/r', toEcho);
  await until(() => updates.length === 2);
});

t.test('a newer sidecar may say more than is understood, anywhere', async (t) => {
  const plane = await startPlane(t);
  await plane.call('POST', '/v1/apply', { resources: [echo, echo1] });
  const { stream, updates } = openStream(t, plane);
  stream.write(
    Buffer.concat([new MessageWriter().bytes(1, Buffer.concat([oldHello().finish(), newer])).finish(), newer]),
  );
  await until(() => updates.length === 1);
  stream.write(new MessageWriter().bytes(15, Buffer.from('a new kind of message')).finish());
  stream.write(newer);
  stream.write(Buffer.concat([newer, ackOf(updates[0]!).finish()]));
  const { body } = await plane.call('PUT', '/v1/routes/r', toEcho);
  await until(() => updates.length === 2);
  stream.write(ackOf(updates[1]!).finish());
  await until(async () => (await plane.call('GET', `/v1/rollouts/${body.revision}`)).body.summary === 'applied 1/1');
});

t.test('what is no message ends its stream, and no other', async (t) => {
  const plane = await startPlane(t);
  const fine = new Sidecar(t, plane.push, 'fine');
  await until(() => fine.updates.length === 1);
  for (const noise of [Buffer.of(0x0a, 200, 1), Buffer.alloc(100, 0xff), Buffer.of(0)]) {
    const { stream } = openStream(t, plane);
    const status = new Promise<grpc.StatusObject>((resolve) => stream.on('status', resolve));
    stream.write(noise);
    t.match(await status, { code: 3 });
  }
  await plane.call('PUT', '/v1/services/echo', {});
  await until(() => fine.documents.has('Service/echo'));
});
