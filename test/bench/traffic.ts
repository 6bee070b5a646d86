import { type ContenderName, http1Contenders } from './contenders.ts';
import type { StartEnds } from './ends.ts';
import { type Hop, http1Hop } from './hop.ts';
import { startHttp1Ends } from './http1-ends.ts';
import { maxHttp2Bytes, startGrpcEnds, startHttp2Ends } from './http2-ends.ts';
import { maxReplyBytes } from './origin.ts';

/** What passes the proxies, and which of them can be asked to let it pass. */
export type Traffic = {
  readonly contenders: readonly ContenderName[];
  /** What each proxy on the way speaks, nearest to the load first. */
  readonly hops: readonly Hop[];
  readonly startEnds: StartEnds;
  /** Requests under way at once on each connection; 1 is all that HTTP/1.1 has. */
  readonly streams: number;
  readonly maxSizeBytes: number;
};

export const http1Traffic: Traffic = {
  contenders: http1Contenders,
  hops: [http1Hop],
  startEnds: startHttp1Ends,
  streams: 1,
  maxSizeBytes: maxReplyBytes,
};

/** nginx is not among them: it speaks HTTP/2 to its clients only. */
export const http2Traffic: Traffic = {
  contenders: ['meshlane', 'haproxy', 'nghttpx', 'envoy', 'node'],
  hops: [{ downstream: 'http2', upstream: 'http2' }],
  startEnds: startHttp2Ends,
  streams: 32,
  maxSizeBytes: maxHttp2Bytes,
};

export const grpcTraffic: Traffic = {
  ...http2Traffic,
  hops: [{ downstream: 'http2', upstream: 'grpc' }],
  startEnds: startGrpcEnds,
};

/** HTTP/1.1 at both ends, HTTP/2 between two proxies. */
export const pairTraffic: Traffic = {
  ...http1Traffic,
  contenders: ['meshlane', 'haproxy', 'nghttpx', 'envoy'],
  hops: [
    { downstream: 'http1', upstream: 'http2' },
    { downstream: 'http2', upstream: 'http1' },
  ],
};
