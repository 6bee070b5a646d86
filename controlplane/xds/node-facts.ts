import type { Labels } from '../../shared/resources/resource.ts';
import type { WireNode } from './codec.ts';
import type { Viewer } from './mesh-view.ts';
import { clientKind } from './translate/client-kind.ts';

/** Where our own sidecars listen for what their application sends out. */
export const defaultListenerPort = 15_001;

const longestName = 253;
const mostLabels = 64;

/** What a client says about itself in its first request. */
export type NodeFacts = {
  /** Counts as the name of a sidecar where configuration is given to some of them only. */
  readonly id: string;
  readonly userAgent: string;
  readonly viewer: Viewer;
  /** Where an Envoy is to listen for what its application sends out. */
  readonly listenerPort: number;
};

/** Reads a node; a text names the field for which it cannot be served. */
export function nodeFacts({
  id,
  cluster,
  metadata,
  user_agent_name,
  user_agent_version,
}: WireNode): NodeFacts | string {
  if (!/^[\x21-\x7e]{1,253}$/.test(id)) return 'node.id must be a name of 1 to 253 printable characters without spaces';
  const fields = metadata?.fields ?? {};
  const port = fields['meshlane.listener_port']?.['numberValue'] ?? defaultListenerPort;
  if (!Number.isInteger(port) || Number(port) < 1 || Number(port) > 65_535)
    return 'node.metadata meshlane.listener_port must be a port from 1 to 65535';
  const workload = {
    service: cluster === '' ? null : cluster.slice(0, longestName),
    namespace: textOf(fields['meshlane.namespace']),
    labels: labelsOf(fields['meshlane.labels']),
  };
  const client = clientKind(user_agent_name);
  const userAgent = `${user_agent_name} ${user_agent_version}`.trim().slice(0, longestName);
  return { id, userAgent, viewer: { client, workload }, listenerPort: Number(port) };
}

type Value = { readonly [kind: string]: unknown } | undefined;

function textOf(value: Value): string | null {
  const text = value?.['stringValue'];
  return typeof text === 'string' ? text.slice(0, longestName) : null;
}

function labelsOf(value: Value): Labels {
  const fields = (value?.['structValue'] as { fields?: Record<string, Value> } | undefined)?.fields ?? {};
  const labels = Object.entries(fields).slice(0, mostLabels);
  return Object.fromEntries(labels.flatMap(([name, one]) => (textOf(one) ? [[name, textOf(one)!]] : [])));
}
