import { formatAddress } from '../shared/discovery/address.ts';
import type {
  ExplainedBackend,
  ExplainedEndpoint,
  Explanation,
  LiveEndpoint,
  Sourced,
} from '../shared/routing/explain/explanation.ts';
import type { Workload } from '../shared/routing/source.ts';
import { table } from './table.ts';

/** An explanation for people to read. */
export function explanationInWords(explanation: Explanation): string {
  const { request, host, matched, reply, others, more, backends, live } = explanation;
  const query = request.query && `?${request.query}`;
  const sections = [
    [
      `${request.method} http://${request.host}${request.path}${query}${callerInWords(explanation.caller)}`,
      ...Object.entries(request.headers).map(([name, value]) => `  ${name}: ${value}`),
    ],
    [
      row('host', host.why),
      row('rule', matched ? `${matched.name}: ${matched.match}` : 'none holds'),
      ...(reply ? [row('answer', `${reply.status} (${reply.code}), from the proxy itself`)] : []),
      ...Object.entries(more).map(([name, value]) => row(name, JSON.stringify(value))),
      ...(live?.breaker ? [row('breaker', `of the rule: ${live.breaker}`)] : []),
      ...(live ? [row('live', `revision ${live.revision}, as one of ${live.workers} workers sees it`)] : []),
    ],
    ...(others.length > 0 ? [['Other rules:', ...indented(othersTable(others))]] : []),
    ...backends.map(backendInWords),
  ];
  return sections.map((lines) => lines.map((line) => `${line}\n`).join('')).join('\n');
}

function callerInWords({ service, namespace, labels }: Workload): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  const words = [
    ...(service === null ? [] : [`of service ${service}`]),
    ...(namespace === null ? [] : [`in namespace ${namespace}`]),
    ...(pairs.length === 0 ? [] : [`with ${pairs.join(', ')}`]),
  ];
  return words.length === 0 ? '' : `, from a caller ${words.join(' ')}`;
}

function othersTable(others: Explanation['others']): string {
  return table(
    ['rule', 'match', 'lost because'],
    others.map(({ name, match, why }) => [name, match, why]),
  );
}

function backendInWords(backend: ExplainedBackend): string[] {
  const { service, labels, percent, problem, more, timeouts, retry, balancer, policies, endpoints, live } = backend;
  const subset = Object.entries(labels).map(([label, value]) => ` ${label}=${value}`);
  const times = Object.entries(timeouts).map(
    ([name, time]) => `${name} ${time.value === '0s' ? 'none' : time.value} (${time.from})`,
  );
  const others = Object.entries(policies).map(([section, policy]) => `${section} (policy ${policy})`);
  return [
    `${percent} % to ${service}${subset.join('')}${problem ? `: ${problem}` : ''}`,
    ...Object.entries(more).map(([name, value]) => `  ${row(name, JSON.stringify(value))}`),
    `  ${row('timeouts', times.join(', '))}`,
    `  ${row('retry', retryInWords(retry))}`,
    `  ${row('balancer', balancerInWords(balancer, live))}`,
    ...(others.length > 0 ? [`  ${row('also', others.join(', '))}`] : []),
    ...(endpoints.length > 0 ? indented(endpointTable(endpoints, live !== null)) : []),
  ];
}

function balancerInWords({ value, from }: Sourced<string>, live: ExplainedBackend['live']): string {
  const panic = live?.isPanicking ? '; so few are well that all are used' : '';
  return `${live?.balancer ?? value} (${from})${panic}`;
}

function retryInWords({ value, from }: Sourced<{ readonly attempts: number; readonly on: readonly string[] }>): string {
  return `${value.attempts === 0 ? 'none' : `${value.attempts} more tries on ${value.on.join(', ')}`} (${from})`;
}

function endpointTable(endpoints: readonly ExplainedEndpoint[], isLive: boolean): string {
  const titles = ['instance', 'address', 'weight', 'zone', 'status', ...(isLive ? ['in flight', 'latency'] : [])];
  const rows = endpoints.map(({ name, weight, zone, status, live, ...address }) => [
    name,
    formatAddress({ host: address.address, port: address.port }),
    String(weight),
    zone ?? '-',
    isLive ? liveStatus(status, live) : status,
    ...(isLive ? [String(live?.inFlight ?? '-'), live?.latencyMs == null ? '-' : `${live.latencyMs} ms`] : []),
  ]);
  return table(titles, rows);
}

/** All that keeps requests from an endpoint, or that nothing does. */
function liveStatus(status: string, live: LiveEndpoint | null): string {
  if (status !== 'up') return status;
  if (live === null) return 'not sent to';
  const { isCandidate, isHealthy, isEjected, breaker, backoffMs } = live;
  const reasons = [
    ...(isHealthy ? [] : ['unhealthy']),
    ...(isEjected ? ['ejected'] : []),
    ...(breaker === null || breaker === 'closed' ? [] : [`breaker ${breaker}`]),
    ...(backoffMs > 0 ? [`not connected to for ${backoffMs} ms`] : []),
  ];
  return [isCandidate ? 'candidate' : 'left out', ...reasons].join(', ');
}

function row(title: string, text: string): string {
  return `${title.padEnd(10)}${text}`;
}

function indented(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`);
}
