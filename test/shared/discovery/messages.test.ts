import t from 'tap';
import { DiscoveryService } from '../../../shared/discovery/discovery.ts';
import { sidecarMessageCodec, updateCodec, type WireUpdate } from '../../../shared/discovery/messages.ts';
import { loadProto } from '../../../shared/grpc/load-proto.ts';

/** The library that reads `discovery.proto` is the oracle of our own codec. */

type Method = {
  path: string;
  requestStream: boolean;
  responseStream: boolean;
  requestSerialize(message: object): Buffer;
  requestDeserialize(bytes: Buffer): object;
  responseSerialize(message: object): Buffer;
  responseDeserialize(bytes: Buffer): object;
};
type Service = Readonly<Record<string, Method>>;
type Loaded = { meshlane: { discovery: { v1: { Discovery: { service: Service } } } } };

const file = new URL('../../../shared/discovery/discovery.proto', import.meta.url);
const theirs = (loadProto(file) as unknown as Loaded).meshlane.discovery.v1.Discovery.service;
const ours = DiscoveryService.service as unknown as Service;

const key = { kind: 'Route', name: 'héllo-1' };
const large = 2 ** 52 + 1;
const requests: Readonly<Record<string, readonly object[]>> = {
  Stream: [
    { hello: { sidecar: 'a-1', service: '', version: '0.1.0', revision: 0, mesh: '', scoped: false, services: [] } },
    {
      hello: {
        sidecar: 'x'.repeat(300),
        service: 'a',
        version: '',
        revision: large,
        mesh: 'm-1',
        scoped: true,
        services: ['a', ''],
      },
    },
    { scope: { services: [] } },
    { scope: { services: ['cart', 'user'] } },
    { report: { seconds: 0, services: [] } },
    {
      report: {
        seconds: 300,
        services: [
          { service: 'cart', requests: large, errors: 1, latency: [0, 129, 70_000] },
          { service: '', requests: 0, errors: 0, latency: [] },
        ],
      },
    },
    { ack: { revision: 300, rejected: [{ key, revision: 128, error: 'no\nsuch "thing"' }] } },
    { ack: { revision: 0, rejected: [] } },
  ],
  Register: [{ document: Buffer.from('{"kind":"Instance"}') }, { document: Buffer.alloc(70_000, 7) }],
  Heartbeat: [{ name: 'a-1' }, { name: '' }],
  Deregister: [{ name: 'a-1' }],
};
const entry = { key, revision: 16_384, document: Buffer.from('{}') };
const replies: Readonly<Record<string, readonly object[]>> = {
  Stream: [
    {
      revision: large,
      full: true,
      resources: [entry, { ...entry, revision: 0 }],
      removed: [],
      mesh: 'm-1',
      services: ['cart', 'user'],
    },
    { revision: 1, full: false, resources: [], removed: [key, { kind: 'Policy', name: 'b' }], mesh: '', services: [] },
  ],
  Register: [{ revision: 12, leaseSeconds: 15 }],
  Heartbeat: [{ revision: 0, leaseSeconds: 0 }],
  Deregister: [{ revision: 1_000_000, leaseSeconds: 86_400 }],
};

/** What stands in a message, without what libraries add to it: getters of oneofs, prototypes. */
const plain = (message: object): unknown => {
  const { message: _which, ...fields } = JSON.parse(JSON.stringify(message)) as Record<string, unknown>;
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
};

t.test('the service has the methods of the .proto', async (t) => {
  t.same(Object.keys(ours).sort(), Object.keys(theirs).sort());
  for (const [name, { path, requestStream, responseStream }] of Object.entries(theirs))
    t.match(ours[name], { path, requestStream, responseStream });
});

t.test('each side reads what the other writes', async (t) => {
  for (const [name, messages] of Object.entries(requests))
    for (const message of messages) {
      t.same(plain(theirs[name]!.requestDeserialize(ours[name]!.requestSerialize(message))), plain(message));
      t.same(plain(ours[name]!.requestDeserialize(theirs[name]!.requestSerialize(message))), plain(message));
    }
  for (const [name, messages] of Object.entries(replies))
    for (const message of messages) {
      t.same(plain(theirs[name]!.responseDeserialize(ours[name]!.responseSerialize(message))), plain(message));
      t.same(plain(ours[name]!.responseDeserialize(theirs[name]!.responseSerialize(message))), plain(message));
    }
});

t.test('fields that a later version adds are passed over', async (t) => {
  const known = updateCodec.encode({
    revision: 7,
    full: true,
    resources: [],
    removed: [],
    mesh: '',
    services: [],
  });
  const added = Buffer.from([0x78, 0x96, 0x01, 0x7a, 0x02, 0x61, 0x62, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7d, 1, 2, 3, 4]);
  t.match(updateCodec.decode(Buffer.concat([known, added])), { revision: 7, full: true });
});

t.test('a message that is cut short or no message at all is refused', async (t) => {
  const whole = updateCodec.encode(replies['Stream']![0] as WireUpdate);
  let refused = 0;
  for (let size = 0; size < whole.length; size++) {
    try {
      updateCodec.decode(whole.subarray(0, size));
    } catch (error) {
      t.ok(error instanceof RangeError);
      refused++;
    }
  }
  t.ok(refused > whole.length / 2, `${refused} of ${whole.length} beginnings`);
  t.throws(() => sidecarMessageCodec.decode(Buffer.from([0x0a])), RangeError);
  t.throws(() => sidecarMessageCodec.decode(Buffer.alloc(16, 0xff)), RangeError);
});
