import Type, { type TSchema } from 'typebox';
import { InstanceSpec } from './instance.ts';
import { PolicySpec } from './policy.ts';
import { ProxySpec } from './proxy.ts';
import { type Kind, kinds, Labels, Name, type Resource } from './resource.ts';
import { RouteSpec } from './route.ts';
import { ServiceSpec } from './service.ts';

export type ServiceResource = Resource<'Service', ServiceSpec>;
export type InstanceResource = Resource<'Instance', InstanceSpec>;
export type RouteResource = Resource<'Route', RouteSpec>;
export type PolicyResource = Resource<'Policy', PolicySpec>;
/** Any resource whose spec has been read by its schema. */
export type AnyResource = ServiceResource | InstanceResource | RouteResource | PolicyResource;

export type ProxyDocument = { kind: 'Proxy'; name: string; labels: Labels; spec: ProxySpec };

const specs = { Service: ServiceSpec, Instance: InstanceSpec, Route: RouteSpec, Policy: PolicySpec, Proxy: ProxySpec };

/** The schema of one kind’s whole document; the source of validation, OpenAPI and reference pages. */
export function documentSchema(kind: Kind | 'Proxy'): TSchema {
  const spec: TSchema = specs[kind];
  const mayBeEmpty = kind === 'Service';
  return Type.Object(
    {
      kind: Type.Literal(kind),
      name: Name,
      labels: { ...Labels, default: {} },
      spec: mayBeEmpty ? { ...spec, default: {} } : spec,
      status: Type.Optional(
        Type.Unsafe<Record<string, unknown>>({ type: 'object', description: 'Set by the mesh; ignored when sent.' }),
      ),
      revision: Type.Optional(
        Type.Integer({ minimum: 0, description: 'Store revision of the last change; ignored when sent.' }),
      ),
    },
    { additionalProperties: false, title: kind },
  );
}

export const documentSchemas: Readonly<Record<Kind | 'Proxy', TSchema>> = {
  Service: documentSchema('Service'),
  Instance: documentSchema('Instance'),
  Route: documentSchema('Route'),
  Policy: documentSchema('Policy'),
  Proxy: documentSchema('Proxy'),
};

export function isKind(word: unknown): word is Kind {
  return kinds.includes(word as Kind);
}
