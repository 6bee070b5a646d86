import type { Kind } from './resource.ts';

/** What a reference page says beside the fields. A test reads every example with its schema. */
export type ReferenceText = { readonly summary: string; readonly example: string; readonly notes?: string };

const service = `
A service is a name that requests can be sent to. It needs nothing but its name: a request whose \`Host\` is that name goes to
the service's instances, unless a route says otherwise.
`;

const instance = `
An instance is one place where a service is served: an address and a port. A sidecar started with \`--app-port\` registers
its own and renews its lease; only instances without a sidecar are written by hand.
`;

const instanceNotes = `
- Instances are chosen by the labels of the resource (\`labels\`), which a route's backend may ask for; \`spec.metadata\` is
  only kept.
- An instance with \`leaseSeconds\` leaves the mesh when no heartbeat came for that long. \`POST
  /v1/instances/{name}/heartbeat\` renews it, and so does applying the same instance again. After a restart of the control
  plane every instance has one full lease, and no less than 5 s, to be heard again.
- A health check is made by each proxy for itself. Instances that fail it get no requests as long as half of them are well
  (\`loadBalancer.panicThresholdPercent\` of a policy); else all are used.
- The label \`topology.kubernetes.io/zone\` says which zone an instance is in.
`;

const route = `
A route says which requests go where: by host, path, method, header fields, query parameters, cookies and caller, in the
vocabulary and with the precedence of Gateway API's HTTPRoute; calls of gRPC also by service and method, as its GRPCRoute has
them. [Routing](../routing.md) explains the matches.
`;

const routeNotes = `
- The most specific host wins: the exact name, then the longest \`*.suffix\`, then \`*\`. A route for \`*\` stands above the name
  a service has by itself.
- Within a host: exact path, then template, then pattern, then longest prefix; among equals the one that names a method, the one
  with most conditions on header fields and cookies, then on query parameters, the oldest route, the name. A match without a path
  matches every path.
- Matches with \`grpc\` hold for POST requests to \`/service/method\`, those of gRPC-Web among them. They are asked before all
  others of the host: the one with most characters in its service first, then in its method, then the one with most header
  conditions, a name before a pattern, the oldest route, the name.
- A pattern must match the whole path or value and runs in time linear in its length, so back references and look-around
  are refused.
- \`retry\` of a rule stands in place of the one in the service's policy, and each of its \`timeouts\` in place of the
  policy's \`request\` and \`perTry\`. The retry budget is always the one of the policy.
- What \`filters\` do, and in which order, is said in [Filters](../filters.md).
- \`breaker\` of a rule cuts off the whole rule, beside the [breakers](../breaking.md) of instances.
- \`mirrors\` are Gateway API's RequestMirror; [Mirroring](../mirroring.md) says what becomes of the copies.
- \`rateLimits\` of a rule hold in each proxy that routes by it ([rate limits](../rate-limits.md)); those of a policy where the service is
  served.
- A rule without backends, or whose share falls to no valid one, answers 500 (\`no_backend\`).
`;

const policy = `
A policy says how requests to its target services are balanced, tried again, limited in time and cut off. [Balancing](../balancing.md)
explains \`loadBalancer\` and \`outlierDetection\`, [circuit breaking](../breaking.md) \`breaker\`, \`limits\` and
\`concurrency\`, [rate limits](../rate-limits.md) \`rateLimits\`.
`;

const policyNotes = `
- Each section (\`loadBalancer\`, \`connections\`, \`timeouts\`, \`retry\`, \`breaker\`, \`outlierDetection\`, \`limits\`,
  \`concurrency\`, \`rateLimits\`) may be set by one policy per service; a second one is refused.
- Services without a policy have the defaults above, so they are tried again twice. \`breaker\`, \`outlierDetection\`, \`limits\`,
  \`concurrency\` and \`rateLimits\` are off until a policy has them.
- A try that may have been executed is repeated only for the methods of \`retry.methods\`. One that reached nobody is repeated
  for every method. The budget is counted per worker.
- To a breaker, an upgraded connection is a success as soon as it is made; how it ends does not count.
- When every instance of a service is cut off, \`breaker.fallback\` is the answer; without it, 503 (\`breaker_open\`).
- A label in a backend narrows a service to some of its instances; the policy of the service holds for them, too.
`;

const proxy = `
The document that makes a file of resources a proxy's whole configuration: \`meshlane proxy --config FILE\`. It names the
listeners; the other documents of the file are services, instances, routes and policies as everywhere else. It is not sent to
the control plane.
`;

const proxyNotes = `
- \`inbound\` listeners send everything to \`appAddress\`:\`appPort\`; \`outbound\` ones follow the routes.
- A number of \`workers\` above 1 lets as many threads listen on the same ports; limits per worker then count once for each.
- [Header fields](../headers.md) says what \`forwarding\` and \`underscoreNames\` do, for a sidecar and for an edge.
- \`--workers\`, \`--otlp\` and \`--sample\` stand above what the file says.
`;

export const referenceTexts: Readonly<Record<Kind | 'Proxy', ReferenceText>> = {
  Service: { summary: service.trim(), example: 'kind: Service\nname: product\nspec: { protocol: http1 }\n' },
  Instance: {
    summary: instance.trim(),
    example: `kind: Instance
name: product-1
labels: { version: v1 }
spec:
  service: product
  address: 10.0.0.7
  port: 8080
  healthCheck: { path: /healthz, interval: 5s }
`,
    notes: instanceNotes.trim(),
  },
  Route: {
    summary: route.trim(),
    example: `kind: Route
name: product
spec:
  hostnames: [product]
  rules:
    - name: testers
      matches:
        - path: { value: /products }
          headers: [{ name: x-tester, value: "yes" }]
      backends: [{ service: product, labels: { version: v2 } }]
    - name: everyone
      timeouts: { request: 2s }
      backends:
        - { service: product, labels: { version: v1 }, weight: 90 }
        - { service: product, labels: { version: v2 }, weight: 10 }
`,
    notes: routeNotes.trim(),
  },
  Policy: {
    summary: policy.trim(),
    example: `kind: Policy
name: product-resilience
spec:
  targets: [{ name: product }]
  loadBalancer: { policy: least-request }
  timeouts: { request: 3s, perTry: 500ms }
  retry: { attempts: 2, on: [connect-failure, reset, gateway-error] }
  breaker:
    consecutiveFailures: 5
    openFor: 5s
    fallback: { status: 200, contentType: application/json, body: '{"products":[]}' }
`,
    notes: policyNotes.trim(),
  },
  Proxy: {
    summary: proxy.trim(),
    example: `kind: Proxy
name: edge
spec:
  workers: 1
  admin: { port: 15000 }
  listeners:
    - { name: out, port: 15001, direction: outbound }
`,
    notes: proxyNotes.trim(),
  },
};
