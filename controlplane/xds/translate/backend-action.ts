import type { LoadBalancer } from '../../../shared/resources/load-balancer.ts';
import type { Mirror } from '../../../shared/resources/mirror.ts';
import type { Labels } from '../../../shared/resources/resource.ts';
import type { Backend } from '../../../shared/resources/route.ts';
import { durationMs } from '../../../shared/time/duration.ts';
import type { Message } from '../codec.ts';
import type { ClientKind } from './client-kind.ts';
import { clusterName, noInstances } from './cluster-name.ts';
import { headerChanges } from './header-changes.ts';
import type { MeshConfig } from './mesh-config.ts';
import type { XdsPath } from './path-matches.ts';
import { retryPolicy } from './retries.ts';
import { rewriteFields } from './rewrites.ts';
import type { RuleOrigin } from './rule-origin.ts';
import type { Translation } from './translation.ts';
import { field, listField, milliseconds, wrapped } from './values.ts';

/** Which clusters requests of a rule go to, and what else holds for them. What policies say is that of the first backend. */
export function backendAction(
  origin: RuleOrigin,
  backends: readonly [Backend, ...Backend[]],
  path: XdsPath,
  config: MeshConfig,
  client: ClientKind,
  into: Translation,
): Message {
  const { rule } = origin;
  const [{ service }] = backends;
  const isGrpc = config.services.get(service)?.spec.protocol === 'grpc';
  const timeouts = timeoutsOf(origin, service, config, into);
  const retry = rule.retry ?? config.settings(service, 'retry', into);
  const rewrite = rule.filters?.find(({ urlRewrite }) => urlRewrite)?.urlRewrite;
  return {
    ...clusters(origin, backends, config, into),
    ...(rewrite ? rewriteFields(rewrite, path) : {}),
    ...timeoutFields(timeouts, client),
    ...field('retry_policy', retryPolicy(retry, timeouts.perTryMs, { isGrpc, client })),
    ...listField('hash_policy', hashPolicies(service, config, into)),
    ...listField(
      'request_mirror_policies',
      (rule.mirrors ?? []).map((mirror) => mirrorPolicy(mirror, config)),
    ),
  };
}

function clusters(
  { route, index }: RuleOrigin,
  backends: readonly [Backend, ...Backend[]],
  config: MeshConfig,
  into: Translation,
): Message {
  const [first] = backends;
  if (backends.length === 1 && !first.filters?.length) return { cluster: clusterOf(first, config) };
  const weighted = backends.map((backend) => {
    const filters = backend.filters ?? [];
    const rewrite = filters.find(({ urlRewrite }) => urlRewrite)?.urlRewrite;
    if (route && rewrite?.path)
      into.leaveOut(
        route,
        `/spec/rules/${index}/backends/${route.spec.rules[index]!.backends.indexOf(backend)}/filters`,
        'xDS changes paths for rules, not for single backends',
      );
    return {
      name: clusterOf(backend, config),
      weight: wrapped(backend.weight),
      ...field('host_rewrite_literal', rewrite?.hostname),
      ...headerChanges(filters),
    };
  });
  return { weighted_clusters: { clusters: weighted } };
}

/** Where a service is that takes requests of HTTP; nowhere else must they be sent. */
function clusterOf(
  { service, labels }: { readonly service: string; readonly labels?: Labels },
  config: MeshConfig,
): string {
  return config.takesRequests(service) ? clusterName(service, labels) : noInstances;
}

type TimeoutsMs = {
  readonly requestMs: number;
  readonly perTryMs: number;
  readonly idleMs: number;
  readonly maxStreamMs: number;
};

function timeoutsOf({ rule }: RuleOrigin, service: string, config: MeshConfig, into: Translation): TimeoutsMs {
  const settings = config.settings(service, 'timeouts', into);
  return {
    requestMs: durationMs(rule.timeouts?.request ?? settings.request),
    perTryMs: durationMs(rule.timeouts?.backendRequest ?? settings.perTry),
    idleMs: durationMs(rule.timeouts?.idle ?? settings.idle),
    maxStreamMs: durationMs(rule.timeouts?.maxStream ?? settings.maxStream),
  };
}

/** Envoy takes an absent timeout for one of 15 s, gRPC clients know only the longest life of a stream. */
function timeoutFields({ requestMs, idleMs, maxStreamMs }: TimeoutsMs, client: ClientKind): Message {
  const bounds = (client === 'grpc' ? [requestMs, maxStreamMs] : [maxStreamMs]).filter((ms) => ms > 0);
  return {
    timeout: milliseconds(requestMs),
    idle_timeout: milliseconds(idleMs),
    ...(bounds.length > 0 ? { max_stream_duration: { max_stream_duration: milliseconds(Math.min(...bounds)) } } : {}),
  };
}

function hashPolicies(service: string, config: MeshConfig, into: Translation): Message[] {
  const found = config.policy(service, 'loadBalancer');
  if (!found?.section.hashOn || !isHashing(found.section)) return [];
  const { header, cookie, source, path } = found.section.hashOn;
  if (header !== undefined) return [{ header: { header_name: header.toLowerCase() } }];
  if (cookie !== undefined) return [{ cookie: { name: cookie } }];
  if (source) return [{ connection_properties: { source_ip: true } }];
  if (path) into.leaveOut(found.policy, '/spec/loadBalancer/hashOn/path', 'xDS would take the query along');
  return [];
}

function isHashing({ policy }: LoadBalancer): boolean {
  return policy === 'ring-hash' || policy === 'maglev';
}

const millionthsPerPercent = 10_000;

function mirrorPolicy(mirror: Mirror, config: MeshConfig): Message {
  const numerator = Math.round(mirror.percent * millionthsPerPercent);
  return {
    cluster: clusterOf(mirror, config),
    runtime_fraction: { default_value: { numerator, denominator: 'MILLION' } },
  };
}
