import { policyDefaults } from '../../../shared/resources/policy-defaults.ts';
import type { ServiceResource } from '../../../shared/resources/schema.ts';
import { type Message, typeUrl } from '../codec.ts';
import type { ClientKind } from './client-kind.ts';
import { balancing } from './cluster-balancing.ts';
import { outlierDetection } from './cluster-outliers.ts';
import type { MeshConfig } from './mesh-config.ts';
import type { Translation } from './translation.ts';
import { durationOf, field, wrapped } from './values.ts';

/** What a uint32 takes, which nobody reaches: without it Envoy has bounds of its own, of 1,024 requests and 3 retries. */
const unbounded = wrapped(0xffff_ffff);
/** Retries at once that Envoy allows whatever their budget says. */
const minRetries = 3;

const noEqual = ['hedge', 'breaker', 'concurrency', 'rateLimits'] as const;

/** CDS: a service, or those of its instances that carry some labels. Instances come by EDS over the same stream. */
export function clusterMessage(
  name: string,
  service: ServiceResource,
  config: MeshConfig,
  client: ClientKind,
  into: Translation,
): Message {
  into.use(service);
  for (const section of noEqual) {
    const found = config.policy(service.name, section);
    if (found) into.leaveOut(found.policy, `/spec/${section}`, 'xDS has no equal');
  }
  return {
    name,
    type: 'EDS',
    eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' } },
    ...field('connect_timeout', durationOf(config.settings(service.name, 'connections', into).connectTimeout)),
    ...balancing(service.name, config, client, into),
    circuit_breakers: circuitBreakers(service.name, config, into),
    ...field('outlier_detection', outlierDetection(service.name, config, into)),
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': protocolOptions(service, config, into),
    },
  };
}

function circuitBreakers(service: string, config: MeshConfig, into: Translation): Message {
  const limits = config.settings(service, 'limits', into);
  const { budget } = config.settings(service, 'retry', into);
  const found = config.policy(service, 'connections');
  const { max, maxPending } = config.settings(service, 'connections', into);
  if (found && maxPending !== policyDefaults.connections.maxPending)
    into.leaveOut(found.policy, '/spec/connections/maxPending', 'xDS counts what waits for the whole cluster only');
  return {
    thresholds: [
      {
        max_connections: unbounded,
        max_pending_requests: unbounded,
        max_requests: limits.requests === 0 ? unbounded : wrapped(limits.requests),
        ...(limits.retries > 0
          ? { max_retries: wrapped(limits.retries) }
          : {
              retry_budget: {
                budget_percent: { value: Math.min(100, budget.percent) },
                min_retry_concurrency: wrapped(minRetries),
              },
            }),
      },
    ],
    per_host_thresholds: [{ max_connections: wrapped(max) }],
  };
}

function protocolOptions({ name, spec }: ServiceResource, config: MeshConfig, into: Translation): Message {
  const { idleTimeout, maxLifetime, maxRequests, streams } = config.settings(name, 'connections', into);
  const isHttp2 = spec.protocol === 'http2' || spec.protocol === 'grpc';
  return {
    '@type': typeUrl('envoy.extensions.upstreams.http.v3.HttpProtocolOptions'),
    common_http_protocol_options: {
      // Without it, Envoy closes idle connections after an hour; a length of 0 turns that off.
      idle_timeout: durationOf(idleTimeout) ?? { seconds: 0 },
      ...field('max_connection_duration', durationOf(maxLifetime)),
      ...(maxRequests > 0 ? { max_requests_per_connection: wrapped(maxRequests) } : {}),
    },
    explicit_http_config: isHttp2
      ? { http2_protocol_options: { max_concurrent_streams: wrapped(streams) } }
      : { http_protocol_options: {} },
  };
}
