/**
 * Who is at fault, may we try again, which status: decided here once, not where the error appears.
 * The codes are API: `x-meshlane-reason`, metrics, logs and documentation use these words.
 */
export type ErrorFacts = {
  /** HTTP status of the local reply. */
  readonly http: number;
  /** gRPC status of the local reply (google.golang.org/grpc/codes). */
  readonly grpc: number;
  /** Who is to be blamed for it. */
  readonly origin: 'downstream' | 'local' | 'upstream';
  /** `always`: nothing reached the application, so any method may be tried again (RFC 9110 §9.2.2). */
  readonly retry: 'never' | 'if-idempotent' | 'always';
  /** One sentence for people. */
  readonly text: string;
};

export const errorTable = {
  bad_request: { http: 400, grpc: 3, origin: 'downstream', retry: 'never', text: 'The request is not valid HTTP.' },
  head_too_large: { http: 431, grpc: 8, origin: 'downstream', retry: 'never', text: 'The request head is too large.' },
  target_too_long: {
    http: 414,
    grpc: 8,
    origin: 'downstream',
    retry: 'never',
    text: 'The request target is too long.',
  },
  body_too_large: {
    http: 413,
    grpc: 8,
    origin: 'downstream',
    retry: 'never',
    text: 'The request body is too large.',
  },
  expectation_failed: {
    http: 417,
    grpc: 12,
    origin: 'downstream',
    retry: 'never',
    text: 'The request expects something other than 100-continue.',
  },
  not_implemented: {
    http: 501,
    grpc: 12,
    origin: 'downstream',
    retry: 'never',
    text: 'This proxy does not carry what the request asks for.',
  },
  version_not_supported: {
    http: 505,
    grpc: 12,
    origin: 'downstream',
    retry: 'never',
    text: 'Only HTTP/1.0 and HTTP/1.1 are spoken here.',
  },
  request_head_timeout: {
    http: 408,
    grpc: 4,
    origin: 'downstream',
    retry: 'never',
    text: 'The request head did not arrive in time.',
  },
  body_idle_timeout: {
    http: 408,
    grpc: 4,
    origin: 'downstream',
    retry: 'never',
    text: 'The request body stopped arriving.',
  },
  loop_detected: {
    http: 508,
    grpc: 14,
    origin: 'local',
    retry: 'never',
    text: 'The request has been at this listener before.',
  },
  max_forwards: {
    http: 200,
    grpc: 0,
    origin: 'downstream',
    retry: 'never',
    text: 'The request was to go no further than this proxy.',
  },
  route_not_found: {
    http: 404,
    grpc: 12,
    origin: 'local',
    retry: 'never',
    text: 'No route or service matches this request.',
  },
  port_not_served: {
    http: 403,
    grpc: 7,
    origin: 'downstream',
    retry: 'never',
    text: 'No instance of the service has the port that CONNECT names.',
  },
  redirected: { http: 302, grpc: 2, origin: 'local', retry: 'never', text: 'The route sends this request elsewhere.' },
  direct_response: {
    http: 200,
    grpc: 2,
    origin: 'local',
    retry: 'never',
    text: 'The route answers this request itself.',
  },
  cors_preflight: { http: 204, grpc: 0, origin: 'local', retry: 'never', text: 'The route answers preflights itself.' },
  fault_injected: { http: 503, grpc: 14, origin: 'local', retry: 'never', text: 'The route injects this fault.' },
  no_backend: { http: 500, grpc: 14, origin: 'local', retry: 'never', text: 'The matched rule has no valid backend.' },
  no_endpoint: {
    http: 503,
    grpc: 14,
    origin: 'local',
    retry: 'always',
    text: 'The service has no available instance.',
  },
  endpoints_unknown: {
    http: 503,
    grpc: 14,
    origin: 'local',
    retry: 'always',
    text: 'The control plane has not told of the instances of the service.',
  },
  breaker_open: {
    http: 503,
    grpc: 14,
    origin: 'local',
    retry: 'never',
    text: 'A circuit breaker cuts off the route, or every instance.',
  },
  rate_limited: {
    http: 429,
    grpc: 8,
    origin: 'downstream',
    retry: 'never',
    text: 'There were more requests than a rate limit allows.',
  },
  overloaded: {
    http: 503,
    grpc: 14,
    origin: 'local',
    retry: 'always',
    text: 'Too many requests are under way, or waiting for a connection.',
  },
  deadline_exceeded: {
    http: 504,
    grpc: 4,
    origin: 'downstream',
    retry: 'never',
    text: 'The time that the caller had for the request was over when it came.',
  },
  request_timeout: { http: 504, grpc: 4, origin: 'upstream', retry: 'never', text: 'The request timeout passed.' },
  upstream_connect: {
    http: 503,
    grpc: 14,
    origin: 'upstream',
    retry: 'always',
    text: 'No connection to the instance could be made.',
  },
  upstream_reset: {
    http: 502,
    grpc: 14,
    origin: 'upstream',
    retry: 'if-idempotent',
    text: 'The instance closed the connection before it replied.',
  },
  upstream_refused: {
    http: 503,
    grpc: 14,
    origin: 'upstream',
    retry: 'always',
    text: 'The instance refused the request before it handled it.',
  },
  upstream_cancelled: {
    http: 502,
    grpc: 1,
    origin: 'upstream',
    retry: 'if-idempotent',
    text: 'The instance cancelled the request before it replied.',
  },
  upstream_aborted: {
    http: 502,
    grpc: 13,
    origin: 'upstream',
    retry: 'if-idempotent',
    text: 'The instance gave the request up before it replied.',
  },
  upstream_insecure: {
    http: 502,
    grpc: 7,
    origin: 'upstream',
    retry: 'never',
    text: 'The connection is not secure enough for the instance.',
  },
  upstream_exhausted: {
    http: 503,
    grpc: 8,
    origin: 'upstream',
    retry: 'if-idempotent',
    text: 'The instance is asked for too much.',
  },
  upstream_timeout: {
    http: 504,
    grpc: 4,
    origin: 'upstream',
    retry: 'if-idempotent',
    text: 'The instance did not reply in time.',
  },
  upstream_protocol: {
    http: 502,
    grpc: 14,
    origin: 'upstream',
    retry: 'if-idempotent',
    text: 'The instance sent a reply that is not valid HTTP.',
  },
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof errorTable;

const codes = new Set<string>(Object.keys(errorTable));

/** Tells whether a word, for instance one received in `x-meshlane-reason`, is one of ours. */
export function isErrorCode(word: string): word is ErrorCode {
  return codes.has(word);
}
