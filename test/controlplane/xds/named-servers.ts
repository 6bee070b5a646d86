import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { grpc } from '../../../shared/grpc/grpc.ts';
import type { Owner } from '../../harness/owner.ts';

/** An HTTP server that answers every request with its name and the path it saw; resolves with its port. */
export async function namedServer(t: Owner, name: string): Promise<number> {
  const server = createServer((request, response) => response.end(`${name} ${request.url}`));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

const bytes = (buffer: Buffer) => buffer;
const method = (name: string) => ({
  path: `/shop.v1.Cart/${name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
});

/** The service that `namedGrpcServer` serves. */
export const cartService = { Get: method('Get'), AddItem: method('AddItem') };

/** A gRPC server that answers every call with its name; resolves with its port. */
export async function namedGrpcServer(t: Owner, name: string): Promise<number> {
  const server = new grpc.Server();
  const answer: grpc.handleUnaryCall<Buffer, Buffer> = (_call, done) => done(null, Buffer.from(name));
  server.addService(cartService, { Get: answer, AddItem: answer });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
    error ? reject(error) : resolve(port),
  );
  t.teardown(() => server.forceShutdown());
  return promise;
}
