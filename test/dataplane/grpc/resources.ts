import type { AnyResource } from '../../../shared/resources/schema.ts';
import { instance, service } from '../harness/resources.ts';

/** A service whose instances speak gRPC. */
export function grpcService(name: string): AnyResource {
  return { ...service(name), spec: { protocol: 'grpc' } } as AnyResource;
}

/** Such a service with its instances, one per port: `app-0`, `app-1` ... */
export function grpcServiceAt(name: string, ...ports: readonly number[]): AnyResource[] {
  return [grpcService(name), ...ports.map((port, i) => instance(`${name}-${i}`, name, port))];
}
