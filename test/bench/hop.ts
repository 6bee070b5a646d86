/** What a proxy speaks to who calls it, and to whom it calls; HTTP/2 by prior knowledge where there is no TLS. */
export type Hop = { readonly downstream: 'http1' | 'http2'; readonly upstream: 'http1' | 'http2' | 'grpc' };

export const http1Hop: Hop = { downstream: 'http1', upstream: 'http1' };
