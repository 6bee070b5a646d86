import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Message, WireAny } from '../../../controlplane/xds/codec.ts';
import type { grpc } from '../../../shared/grpc/grpc.ts';
import { loadProto } from '../../../shared/grpc/load-proto.ts';
import { tempFolder } from '../../harness/temp-folder.ts';

const deps = new URL('../../../node_modules/@grpc/grpc-js-xds/deps/', import.meta.url);
const files = [
  'envoy/config/cluster/v3/cluster.proto',
  'envoy/config/endpoint/v3/endpoint.proto',
  'envoy/config/listener/v3/listener.proto',
  'envoy/config/route/v3/route.proto',
  'envoy/extensions/filters/http/router/v3/router.proto',
  'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto',
  'envoy/extensions/upstreams/http/v3/http_protocol_options.proto',
];

/** The whole messages of xDS, as the stock gRPC client brings them. */
function loadAll(): grpc.GrpcObject {
  const file = `${tempFolder()}/all.proto`;
  writeFileSync(file, `syntax = "proto3";\n${files.map((one) => `import "${one}";\n`).join('')}`);
  const includeDirs = ['envoy-api', 'googleapis', 'protoc-gen-validate', 'xds'].map(
    (dir) => new URL(dir, deps).pathname,
  );
  return loadProto(pathToFileURL(file), { keepCase: true, defaults: false, oneofs: false, json: true, includeDirs });
}

let loaded: grpc.GrpcObject | null = null;

/** A resource as whoever knows all of xDS reads it. */
export function readByEnvoy({ type_url, value }: WireAny): Message {
  loaded ??= loadAll();
  const path = type_url.split('/')[1]!.split('.');
  const type = path.reduce<unknown>((within, name) => (within as grpc.GrpcObject)[name], loaded);
  return (type as { deserialize(bytes: Buffer): Message }).deserialize(value);
}
