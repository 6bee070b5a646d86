import { durationMs } from '../../../shared/time/duration.ts';
import type { Message } from '../codec.ts';
import type { MeshConfig } from './mesh-config.ts';
import type { Translation } from './translation.ts';
import { milliseconds, wrapped } from './values.ts';

/** Ejections. Names and arithmetic are Envoy's, whose percentages are whole numbers. Null where no policy asks for them. */
export function outlierDetection(service: string, config: MeshConfig, into: Translation): Message | null {
  const found = config.policy(service, 'outlierDetection');
  if (!found) return null;
  into.use(found.policy);
  const { section } = found;
  const { enforcing, successRate, failurePercentage } = section;
  /** A count of 0 turns a check off, which xDS says by never enforcing it. */
  const enforced = (percent: number, count: number) => percentOf(count === 0 ? 0 : percent);
  return {
    consecutive_5xx: counted(section.consecutive5xx),
    enforcing_consecutive_5xx: enforced(enforcing.consecutive5xx, section.consecutive5xx),
    consecutive_gateway_failure: counted(section.consecutiveGatewayErrors),
    enforcing_consecutive_gateway_failure: enforced(
      enforcing.consecutiveGatewayErrors,
      section.consecutiveGatewayErrors,
    ),
    split_external_local_origin_errors: section.splitLocalOriginErrors,
    consecutive_local_origin_failure: counted(section.consecutiveLocalOriginFailures),
    enforcing_consecutive_local_origin_failure: enforced(
      enforcing.consecutiveLocalOriginFailures,
      section.consecutiveLocalOriginFailures,
    ),
    success_rate_stdev_factor: wrapped(successRate.stdevFactor),
    success_rate_minimum_hosts: wrapped(successRate.minimumHosts),
    success_rate_request_volume: wrapped(successRate.requestVolume),
    enforcing_success_rate: percentOf(enforcing.successRate),
    enforcing_local_origin_success_rate: percentOf(enforcing.localOriginSuccessRate),
    failure_percentage_threshold: percentOf(failurePercentage.threshold),
    failure_percentage_minimum_hosts: wrapped(failurePercentage.minimumHosts),
    failure_percentage_request_volume: wrapped(failurePercentage.requestVolume),
    enforcing_failure_percentage: percentOf(enforcing.failurePercentage),
    enforcing_failure_percentage_local_origin: percentOf(enforcing.localOriginFailurePercentage),
    interval: milliseconds(Math.max(1, durationMs(section.interval))),
    base_ejection_time: milliseconds(Math.max(1, durationMs(section.baseEjectionTime))),
    max_ejection_time: milliseconds(Math.max(1, durationMs(section.maxEjectionTime))),
    max_ejection_percent: percentOf(section.maxEjectionPercent),
    always_eject_one_host: wrapped(section.alwaysEjectOne),
  };
}

function counted(count: number): Message {
  return wrapped(Math.max(1, count));
}

function percentOf(percent: number): Message {
  return wrapped(Math.round(percent));
}
