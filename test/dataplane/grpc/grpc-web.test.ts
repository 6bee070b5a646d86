import t from 'tap';
import { startGrpcJsServer } from '../../conformance/grpc/grpc-js-server.ts';
import {
  echoedFinally,
  echoedInitially,
  type MethodName,
  methodOf,
  type OutputRequest,
  type OutputResponse,
  type SimpleRequest,
} from '../../conformance/grpc/test-service.ts';
import { wireServer } from '../../harness/grpc/wire-server.ts';
import type { Owner } from '../../harness/owner.ts';
import { route } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { grpcService, grpcServiceAt } from './resources.ts';
import { type WebReply, type WebType, webCall, webCallOverHttp2, webTypes } from './web-caller.ts';

/** Browsers' form of gRPC, before a service that speaks gRPC proper. */

const forEverything = route('all', [{ backends: [{ service: 'app' }] }]);

async function proxyBefore(t: Owner, port: number): Promise<number> {
  return (await staticProxy(t, { resources: [...grpcServiceAt('app', port), forEverything] })).port;
}

const callers = { 'HTTP/1.1': webCall, 'HTTP/2': webCallOverHttp2 };
type Version = keyof typeof callers;
const forms = (Object.keys(webTypes) as WebType[]).flatMap((type) =>
  (Object.keys(callers) as Version[]).map((version) => ({ type, version })),
);

function call(
  version: Version,
  port: number,
  method: MethodName,
  request: SimpleRequest | OutputRequest,
  type: WebType,
  fields: Readonly<Record<string, string>> = {},
): Promise<WebReply> {
  const { path, requestSerialize } = methodOf(method);
  return callers[version](port, path, requestSerialize(request), type, fields);
}

function sizesOf(method: MethodName, { messages }: WebReply): readonly number[] {
  const { responseDeserialize } = methodOf(method);
  return messages.map(({ bytes }) => (responseDeserialize(bytes) as OutputResponse).payload?.body.length ?? 0);
}

for (const { type, version } of forms) {
  t.test(`a call in ${type} over ${version} is answered with its message, then the trailers in the body`, async (t) => {
    const port = await proxyBefore(t, await startGrpcJsServer(t));
    const request = { responseSize: 314_159, payload: { body: Buffer.alloc(20_000) } };
    const reply = await call(version, port, 'UnaryCall', request, type);
    t.equal(reply.httpStatus, 200);
    t.equal(reply.headers.get('content-type'), webTypes[type]);
    t.ok(reply.hasTrailersFrame);
    t.equal(reply.trailers.get('grpc-status'), '0');
    t.strictSame(sizesOf('UnaryCall', reply), [314_159]);
  });

  t.test(`the messages of a stream in ${type} over ${version} come as the server sends them`, async (t) => {
    const port = await proxyBefore(t, await startGrpcJsServer(t));
    const pauseUs = 300_000;
    const responseParameters = [31_415, 9, 0, 58_979].map((size, i) => ({ size, intervalUs: i === 0 ? 0 : pauseUs }));
    const reply = await call(version, port, 'StreamingOutputCall', { responseParameters }, type);
    t.strictSame(sizesOf('StreamingOutputCall', reply), [31_415, 9, 0, 58_979]);
    t.equal(reply.trailers.get('grpc-status'), '0');
    const tookMs = reply.arrivedMs.at(-1)! - reply.arrivedMs[0]!;
    t.ok(tookMs > 600, `the last came ${Math.round(tookMs)} ms after the first`);
  });

  t.test(`a call in ${type} over ${version} ends with the server’s status, message and metadata`, async (t) => {
    const port = await proxyBefore(t, await startGrpcJsServer(t));
    const responseStatus = { code: 2, message: '\t☺ 😈' };
    const failed = await call(version, port, 'UnaryCall', { responseStatus }, type);
    t.equal(failed.httpStatus, 200);
    t.equal(failed.trailers.get('grpc-status'), '2');
    t.equal(decodeURIComponent(failed.trailers.get('grpc-message') ?? ''), responseStatus.message);
    t.equal(failed.messages.length, 0);
    const fields = { [echoedInitially]: 'mine', [echoedFinally]: 'q6ur' };
    const reply = await call(version, port, 'UnaryCall', { responseSize: 1 }, type, fields);
    t.equal(reply.headers.get(echoedInitially), 'mine');
    t.equal(reply.trailers.get(echoedFinally), 'q6ur');
  });

  t.test(`a call in ${type} over ${version} that the proxy answers itself is told so in the same form`, async (t) => {
    const proxy = await staticProxy(t, { resources: [grpcService('app'), forEverything] });
    const reply = await call(version, proxy.port, 'UnaryCall', {}, type);
    t.equal(reply.httpStatus, 200);
    t.equal(reply.headers.get('content-type'), webTypes[type]);
    t.equal(reply.headers.get('x-meshlane-reason'), 'no_endpoint');
    t.equal(reply.trailers.get('grpc-status'), '14');
  });

  t.test(`the server of a call in ${type} over ${version} sees a call of gRPC`, async (t) => {
    const server = await wireServer(t, (call) => call.answer(Buffer.from('answer')));
    const reply = await callers[version](
      await proxyBefore(t, server.port),
      '/pkg.Service/Method',
      Buffer.from('question'),
      type,
      {
        'x-key-bin': 'q6ur',
        'grpc-timeout': '5S',
      },
    );
    t.equal(reply.trailers.get('grpc-status'), '0');
    const { fields, messages } = server.calls[0]!;
    t.equal(messages.map(({ bytes }) => bytes.toString()).join(), 'question');
    t.match(fields.get('content-type')?.join(), /^application\/grpc(\+proto)?$/);
    t.strictSame(fields.get('te'), ['trailers']);
    t.strictSame(fields.get('x-key-bin'), ['q6ur']);
    t.match(fields.get('grpc-timeout')?.[0], /^\d{1,8}[Smun]$/);
    t.equal(fields.get('content-length'), undefined, 'text is longer than the bytes it stands for');
  });
}
