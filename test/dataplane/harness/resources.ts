import { formatIssues } from '../../../shared/errors/problem.ts';
import { readProxy, readResource } from '../../../shared/resources/read.ts';
import type { AnyResource, ProxyDocument } from '../../../shared/resources/schema.ts';

/** Resources in one line each, read by the schema so that defaults are filled in as in real files. */

function read(document: object): AnyResource {
  const result = readResource(document);
  if (!result.ok) throw new Error(formatIssues(result.issues));
  return result.value;
}

export function service(name: string, protocol = 'http1'): AnyResource {
  return read({ kind: 'Service', name, spec: { protocol } });
}

export function instance(
  name: string,
  serviceName: string,
  port: number,
  more: { labels?: Record<string, string>; [field: string]: unknown } = {},
): AnyResource {
  const { labels = {}, ...spec } = more;
  return read({
    kind: 'Instance',
    name,
    labels,
    spec: { service: serviceName, address: '127.0.0.1', port, ...spec },
  });
}

export function route(name: string, rules: readonly object[], hostnames: readonly string[] = ['*']): AnyResource {
  return read({ kind: 'Route', name, spec: { hostnames, rules } });
}

export function policy(serviceName: string, sections: object): AnyResource {
  return read({
    kind: 'Policy',
    name: `${serviceName}-policy`,
    spec: { targets: [{ name: serviceName }], ...sections },
  });
}

export function proxyDocument(spec: object): ProxyDocument {
  const result = readProxy({ kind: 'Proxy', name: 'edge', spec });
  if (!result.ok) throw new Error(formatIssues(result.issues));
  return result.value;
}

/** A service with its instances, one per port: `app-0`, `app-1` ... */
export function serviceAt(name: string, ...ports: readonly number[]): AnyResource[] {
  return [service(name), ...instancesAt(name, ports)];
}

/** The same for a service that is not known to speak HTTP. */
export function tcpServiceAt(name: string, protocol: 'tcp' | 'auto', ...ports: readonly number[]): AnyResource[] {
  return [service(name, protocol), ...instancesAt(name, ports)];
}

function instancesAt(name: string, ports: readonly number[]): AnyResource[] {
  return ports.map((port, i) => instance(`${name}-${i}`, name, port));
}
