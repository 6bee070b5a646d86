import type { NameValue } from '../../shared/http2/hpack/plain-hpack.ts';

/** Requests of one caller on one connection: alike, but for one field that never recurs. */
export type SampleCaller = { readonly uniqueName: string; readonly requests: readonly (readonly NameValue[])[] };

export const sampleCount = 1024;

const hex = (seed: number, digits: number) =>
  (Math.imul(seed + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0').repeat(4).slice(0, digits);

/** Nine fields, all of which are in a table but a traceparent of 55 bytes. */
export const grpcCaller: SampleCaller = {
  uniqueName: 'traceparent',
  requests: Array.from({ length: sampleCount }, (_, i) => [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/shop.Cart/AddItem'],
    [':authority', 'cart.shop.svc.cluster.local:8080'],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
    ['user-agent', 'grpc-node-js/1.14.7'],
    ['grpc-accept-encoding', 'identity,deflate,gzip'],
    ['traceparent', `00-${hex(i, 32)}-${hex(i + 7, 16)}-01`],
  ]),
};

const userAgent =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

/** Twelve fields, all of which are in a table but the path. */
export const browserCaller: SampleCaller = {
  uniqueName: ':path',
  requests: Array.from({ length: sampleCount }, (_, i) => [
    [':method', 'GET'],
    [':authority', 'www.shop.example'],
    [':scheme', 'https'],
    [':path', `/shop/tea/${hex(i, 8)}?page=2`],
    ['user-agent', userAgent],
    ['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
    ['sec-fetch-site', 'same-origin'],
    ['sec-fetch-mode', 'navigate'],
    ['accept-encoding', 'gzip, deflate, br'],
    ['accept-language', 'en-GB,en;q=0.7,de;q=0.3'],
    ['cookie', 'session=6f1c2a9be07d4f3fb4b5; theme=dark; consent=all'],
    ['referer', 'https://www.shop.example/shop'],
  ]),
};
