/** The mesh of the push bench: so many services with a route and ten instances each. */
export const services = 100;
export const instancesPerService = 10;

export const serviceName = (index: number) => `service-${index % services}`;

/** A route whose label tells one change from the next. */
export function route(index: number, change: number): object {
  const rule = {
    matches: [{ path: { type: 'PathPrefix', value: '/api' } }],
    backends: [{ service: serviceName(index) }],
    timeouts: { request: '5s' },
  };
  return { kind: 'Route', name: `route-${index}`, labels: { change: `${change}` }, spec: { rules: [rule] } };
}

export function instance(index: number, change: number): object {
  const service = serviceName(index);
  return {
    kind: 'Instance',
    name: `${service}-${Math.floor(index / services)}`,
    labels: { version: 'v1', change: `${change}` },
    spec: { service, address: `10.0.${index >> 8}.${index & 255}`, port: 8080 },
  };
}

export function benchResources(): object[] {
  return [
    ...Array.from({ length: services }, (_, i) => ({ kind: 'Service', name: serviceName(i) })),
    ...Array.from({ length: services }, (_, i) => route(i, 0)),
    ...Array.from({ length: services * instancesPerService }, (_, i) => instance(i, 0)),
  ];
}
