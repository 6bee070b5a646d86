import type { WireInstanceName, WireLease, WireRegistration } from '../../shared/discovery/discovery.ts';
import { formatIssues } from '../../shared/errors/problem.ts';
import { grpc } from '../../shared/grpc/grpc.ts';
import { StatusError } from '../../shared/grpc/server/status-error.ts';
import type { ApplyOptions, Refusal } from '../catalog/change.ts';
import type { Registry } from '../registry/registry.ts';

const codes: Readonly<Record<Refusal['code'], grpc.status>> = {
  invalid: grpc.status.INVALID_ARGUMENT,
  in_use: grpc.status.FAILED_PRECONDITION,
  held: grpc.status.FAILED_PRECONDITION,
  stale: grpc.status.ABORTED,
  not_found: grpc.status.NOT_FOUND,
  too_large: grpc.status.RESOURCE_EXHAUSTED,
  store_full: grpc.status.RESOURCE_EXHAUSTED,
  unavailable: grpc.status.UNAVAILABLE,
  forbidden: grpc.status.PERMISSION_DENIED,
};

export async function register(
  registry: Registry,
  { document }: WireRegistration,
  options: ApplyOptions,
): Promise<WireLease> {
  let input: unknown;
  try {
    input = JSON.parse(document.toString('utf8'));
  } catch (error) {
    throw new StatusError(grpc.status.INVALID_ARGUMENT, `the document is not JSON: ${(error as Error).message}`);
  }
  const outcome = await registry.register(input, options);
  if (!outcome.ok) throw toStatus(outcome.refusal);
  const { resource } = outcome.effects[0]!;
  const leaseSeconds = resource.kind === 'Instance' ? (resource.spec.leaseSeconds ?? 0) : 0;
  return { revision: resource.revision ?? outcome.revision, leaseSeconds };
}

export async function heartbeat(registry: Registry, { name }: WireInstanceName): Promise<WireLease> {
  const renewal = await registry.heartbeat(name);
  if (renewal) return renewal;
  throw new StatusError(grpc.status.NOT_FOUND, `there is no instance "${name}"; register again`);
}

export async function deregister(
  registry: Registry,
  { name }: WireInstanceName,
  options: ApplyOptions,
): Promise<WireLease> {
  const left = { ...options, isAnsweredFor: true };
  const outcome = await registry.apply([{ type: 'delete', kind: 'Instance', name }], left);
  if (!outcome.ok) throw toStatus(outcome.refusal);
  return { revision: outcome.revision, leaseSeconds: 0 };
}

function toStatus({ code, detail, issues }: Refusal): StatusError {
  return new StatusError(codes[code], issues.length === 0 ? detail : `${detail}\n${formatIssues(issues)}`);
}
