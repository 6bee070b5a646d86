import { fileURLToPath } from 'node:url';
import { loadSync, type Options } from '@grpc/proto-loader';
import { grpc } from './grpc.ts';

/**
 * Loads the services of a `.proto` file that lies beside the importing module. Field names become camelCase, int64 a
 * number unless `options` says otherwise.
 */
export function loadProto(file: URL, options: Options = {}): grpc.GrpcObject {
  return grpc.loadPackageDefinition(
    loadSync(fileURLToPath(file), {
      keepCase: false,
      longs: Number,
      enums: String,
      defaults: true,
      oneofs: true,
      ...options,
    }),
  );
}
