/** gRPC clients refuse some of what Envoy understands, and need other words for some of the rest. */
export type ClientKind = 'envoy' | 'grpc';

/** By what a client calls itself: `gRPC Node Pure JS`, `grpc-go`, `envoy`. */
export function clientKind(userAgent: string): ClientKind {
  return /^grpc\b/i.test(userAgent) ? 'grpc' : 'envoy';
}
