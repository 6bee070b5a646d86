import type { DirectResponse } from '../../../shared/resources/filters/direct-response.ts';
import type { Backend } from '../../../shared/resources/route.ts';
import type { Message } from '../codec.ts';
import { backendAction } from './backend-action.ts';
import type { ClientKind } from './client-kind.ts';
import { noInstances } from './cluster-name.ts';
import { headerChanges, headerOption } from './header-changes.ts';
import type { MeshConfig } from './mesh-config.ts';
import type { XdsPath } from './path-matches.ts';
import { redirectAction } from './rewrites.ts';
import type { RuleOrigin } from './rule-origin.ts';
import type { Translation } from './translation.ts';

/** What is done to the requests of a rule that come by one of its paths: the fields of a route beside its match. */
export function ruleAction(
  origin: RuleOrigin,
  path: XdsPath,
  config: MeshConfig,
  client: ClientKind,
  into: Translation,
): Message {
  const { rule } = origin;
  tellLeftOut(origin, into);
  const { filters = [] } = rule;
  const backends = rule.backends.filter(({ weight }) => weight > 0);
  const redirect = filters.find(({ requestRedirect }) => requestRedirect)?.requestRedirect;
  const direct = filters.find(({ directResponse }) => directResponse)?.directResponse;
  // Clients of gRPC refuse routes that are answered in any other way than by an instance.
  if (client === 'grpc' && (redirect || direct || backends.length === 0)) return { route: { cluster: noInstances } };
  const changes = headerChanges(filters);
  if (redirect) return { redirect: redirectAction(redirect, path), ...changes };
  if (direct) return directResponse(direct, changes);
  if (backends.length === 0) return { direct_response: { status: 500 }, ...changes };
  return { route: backendAction(origin, backends as [Backend, ...Backend[]], path, config, client, into), ...changes };
}

function directResponse({ status, contentType, body, headers }: DirectResponse, changes: Message): Message {
  const own = [{ name: 'content-type', value: contentType }, ...headers];
  const more = (changes['response_headers_to_add'] as Message[] | undefined) ?? [];
  return {
    direct_response: { status, ...(body === '' ? {} : { body: { inline_string: body } }) },
    ...changes,
    response_headers_to_add: [...own.map(({ name, value }) => headerOption(name, value, false)), ...more],
  };
}

function tellLeftOut({ route, rule, index }: RuleOrigin, into: Translation): void {
  if (!route) return;
  const at = `/spec/rules/${index}`;
  for (const section of ['breaker', 'hedge', 'sessionPersistence', 'rateLimits'] as const)
    if (rule[section]) into.leaveOut(route, `${at}/${section}`, 'xDS has no equal');
  rule.filters?.forEach(({ type }, f) => {
    if (type === 'CORS' || type === 'Fault')
      into.leaveOut(route, `${at}/filters/${f}`, `a filter of type ${type} is not translated`);
  });
  rule.mirrors?.forEach(({ compare }, m) => {
    if (compare) into.leaveOut(route, `${at}/mirrors/${m}/compare`, 'xDS has no equal; the copies are sent');
  });
}
