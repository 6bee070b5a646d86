import type { CheckedSchema } from './check-schema.ts';
import schemas from './document-schemas.json' with { type: 'json' };
import type { InstanceSpec } from './instance.ts';
import type { PolicySpec } from './policy.ts';
import type { ProxySpec } from './proxy.ts';
import { type Kind, kinds, type Labels, type Resource } from './resource.ts';
import type { RouteSpec } from './route.ts';
import type { ServiceSpec } from './service.ts';

export type ServiceResource = Resource<'Service', ServiceSpec>;
export type InstanceResource = Resource<'Instance', InstanceSpec>;
export type RouteResource = Resource<'Route', RouteSpec>;
export type PolicyResource = Resource<'Policy', PolicySpec>;
/** Any resource whose spec has been read by its schema. */
export type AnyResource = ServiceResource | InstanceResource | RouteResource | PolicyResource;

export type ProxyDocument = { kind: 'Proxy'; name: string; labels: Labels; spec: ProxySpec };

/**
 * The JSON Schema of each kind's whole document. Generated from the TypeBox declarations beside this file by
 * `npm run generate`, because the library that builds them would cost every sidecar 40 MB.
 */
export const documentSchemas: Readonly<Record<Kind | 'Proxy', CheckedSchema>> = schemas as Record<
  Kind | 'Proxy',
  CheckedSchema
>;

export function isKind(word: unknown): word is Kind {
  return kinds.includes(word as Kind);
}
