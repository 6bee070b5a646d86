import type { Stage } from './stage.ts';

/** Each stage is loaded alone, in a process of its own: code that others warmed up would be another code. */
export const stages: Readonly<Record<string, () => Promise<{ stage: Stage }>>> = {
  'request-head': () => import('./request-head.ts'),
  'reply-head': () => import('./reply-head.ts'),
  'request-splice': () => import('./request-splice.ts'),
  'reply-splice': () => import('./reply-splice.ts'),
  'chunk-scan': () => import('./chunk-scan.ts'),
  'route-match': () => import('./route-match.ts'),
  'round-robin': () => import('./round-robin.ts'),
  'least-request': () => import('./least-request.ts'),
  'cluster-pick': () => import('./cluster-pick.ts'),
  'rate-limit': () => import('./rate-limit.ts'),
  pool: () => import('./pool.ts'),
  'out-buffer': () => import('./out-buffer.ts'),
  'hpack-decode-grpc': async () => ({ stage: (await import('./hpack-decode.ts')).grpc }),
  'hpack-decode-browser': async () => ({ stage: (await import('./hpack-decode.ts')).browser }),
  'hpack-encode-grpc': async () => ({ stage: (await import('./hpack-encode.ts')).grpc }),
  'hpack-encode-browser': async () => ({ stage: (await import('./hpack-encode.ts')).browser }),
};

export const stageNames = Object.keys(stages);
