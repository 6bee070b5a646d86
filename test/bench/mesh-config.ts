import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Hop, http1Hop } from './hop.ts';
import type { TlsFiles } from './tls-files.ts';

/** A resource or `Proxy` document as a user writes it: defaults left out. */
export type Document = {
  readonly kind: string;
  readonly name: string;
  readonly labels?: object;
  readonly spec: object;
};

/** The request that every proxy gets; Meshlane finds its rule after a header match and an exact path did not fit. */
export const benchRequest = { host: 'catalog', path: '/api/items/42?fields=name,price' } as const;

/** The same for a call of gRPC, whose rule comes next. */
export const benchCall = { host: 'catalog', path: '/bench.Echo/Unary' } as const;

const neighbours =
  'accounts ads billing cart checkout currency email fraud gateway images inventory ledger orders payments profiles ratings search shipping stock'.split(
    ' ',
  );

/** A limit that is asked for every request, and never reached. */
const fullLimits = [{ name: 'all', requests: 1_000_000, per: '1s' }];

/** What a service may have beside what the measured one has anyway. */
const fullPolicy = {
  retry: {
    attempts: 2,
    on: ['connect-failure', 'refused-stream', 'reset', '5xx', 'retriable-status-codes'],
    statusCodes: [429],
  },
  breaker: { consecutiveFailures: 5, successRate: { threshold: 0.8 } },
  outlierDetection: {},
};

const fullTable = 200;

/** Routes of other teams for the measured host, which brings its table to 200 routes. */
function fullRoutes(): Document[] {
  return Array.from({ length: fullTable }, (_, i) => ({
    kind: 'Route',
    name: `team-${i}`,
    spec: {
      hostnames: [benchRequest.host],
      rules: [
        {
          matches: [
            i % 4 === 0
              ? { path: { type: 'Exact', value: `/api/team-${i}/status` } }
              : { path: { type: 'PathPrefix', value: `/api/team-${i}` } },
            {
              path: { type: 'PathPrefix', value: `/api/items/team-${i}` },
              headers: [{ name: 'x-team', value: `${i}` }],
            },
          ],
          backends: [{ service: neighbours[i % neighbours.length] }],
        },
      ],
    },
  }));
}

/**
 * A mesh of 20 services with a route each, as a sidecar in a real mesh holds them. The measured service has one instance,
 * the origin, and everything a production service would have switched on: balancing, timeouts, retries, a breaker.
 */
export function benchDocuments(
  ports: { outbound: number; admin: number; origin: number; spans: number },
  {
    workers = 1,
    sampleRatio = 0.01,
    tls = null,
    hop = http1Hop,
    isFull = false,
  }: { workers?: number; sampleRatio?: number; tls?: TlsFiles | null; hop?: Hop; isFull?: boolean } = {},
): Document[] {
  const protocol = hop.downstream === 'http1' ? 'http1' : 'auto';
  const listenerTls = tls ? { tls: { certificate: tls.certificate, privateKey: tls.privateKey } } : {};
  const service = (name: string): Document[] => [
    { kind: 'Service', name, spec: { protocol: hop.upstream } },
    { kind: 'Instance', name: `${name}-1`, spec: { service: name, address: '127.0.0.1', port: ports.origin } },
  ];
  return [
    {
      kind: 'Proxy',
      name: 'bench',
      spec: {
        workers,
        admin: { port: ports.admin },
        listeners: [{ name: 'out', port: ports.outbound, direction: 'outbound', protocol, ...listenerTls }],
        tracing: { endpoint: `http://127.0.0.1:${ports.spans}`, sampleRatio },
        drainTimeout: '2s',
      },
    },
    ...neighbours.flatMap((name) => [
      ...service(name),
      {
        kind: 'Route',
        name,
        spec: {
          hostnames: [name, `${name}.shop.example`],
          rules: [
            { matches: [{ path: { type: 'PathPrefix', value: '/v1' } }], backends: [{ service: name }] },
            { backends: [{ service: name }] },
          ],
        },
      },
    ]),
    ...service(benchRequest.host),
    {
      kind: 'Route',
      name: benchRequest.host,
      spec: {
        hostnames: [benchRequest.host, `${benchRequest.host}.shop.example`],
        rules: [
          {
            name: 'canary',
            matches: [
              { path: { type: 'PathPrefix', value: '/api' }, headers: [{ name: 'x-canary', value: 'always' }] },
            ],
            backends: [{ service: 'search' }],
          },
          {
            name: 'list',
            matches: [{ path: { type: 'Exact', value: '/api/items' } }],
            backends: [{ service: 'search' }],
          },
          {
            name: 'item',
            matches: [{ path: { type: 'PathPrefix', value: '/api/items' }, method: 'GET' }],
            backends: [{ service: benchRequest.host }],
            timeouts: { request: '10s' },
            ...(isFull ? { rateLimits: fullLimits } : {}),
          },
          {
            name: 'call',
            matches: [{ path: { type: 'Exact', value: benchCall.path }, method: 'POST' }],
            backends: [{ service: benchRequest.host }],
            timeouts: { request: '10s' },
            ...(isFull ? { rateLimits: fullLimits } : {}),
          },
          {
            name: 'api',
            matches: [{ path: { type: 'PathPrefix', value: '/api' } }],
            backends: [{ service: 'gateway' }],
          },
          { name: 'pages', backends: [{ service: 'images' }] },
        ],
      },
    },
    {
      kind: 'Policy',
      name: 'production',
      spec: {
        targets: [{ kind: 'Service', name: benchRequest.host }],
        loadBalancer: { policy: 'least-request' },
        retry: { attempts: 2 },
        breaker: { consecutiveFailures: 5 },
        ...(isFull ? fullPolicy : {}),
      },
    },
    ...(isFull ? fullRoutes() : []),
  ];
}

/** Writes the documents as a stream that `meshlane proxy --config` and `meshlane apply -f` read; JSON is YAML, too. */
export function writeDocuments(documents: readonly Document[], folder: string, name: string): string {
  const file = join(folder, name);
  writeFileSync(file, documents.map((document) => JSON.stringify(document, null, 2)).join('\n---\n'));
  return file;
}
