import Type, { type TSchema } from 'typebox';
import { Labels, Name } from './field-schemas.ts';
import { InstanceSpec } from './instance.ts';
import { PolicySpec } from './policy.ts';
import { ProxySpec } from './proxy.ts';
import type { Kind } from './resource.ts';
import { RolloutSettings } from './rollout.ts';
import { RouteSpec } from './route.ts';
import { ServiceSpec } from './service.ts';

const specs = { Service: ServiceSpec, Instance: InstanceSpec, Route: RouteSpec, Policy: PolicySpec, Proxy: ProxySpec };

/** The schema of one kind’s whole document; the source of validation, OpenAPI and reference pages. */
function documentSchema(kind: Kind | 'Proxy'): TSchema {
  const spec: TSchema = specs[kind];
  const mayBeEmpty = kind === 'Service';
  return Type.Object(
    {
      kind: Type.Literal(kind),
      name: Name,
      labels: { ...Labels, default: {} },
      spec: mayBeEmpty ? { ...spec, default: {} } : spec,
      ...(isConfiguration(kind) ? { rollout: Type.Optional(RolloutSettings) } : {}),
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

/** Told to sidecars as somebody wants it, and not as it is. */
function isConfiguration(kind: Kind | 'Proxy'): boolean {
  return kind !== 'Instance' && kind !== 'Proxy';
}

/** What `npm run generate` writes to document-schemas.json. */
export const builtSchemas: Readonly<Record<Kind | 'Proxy', TSchema>> = {
  Service: documentSchema('Service'),
  Instance: documentSchema('Instance'),
  Route: documentSchema('Route'),
  Policy: documentSchema('Policy'),
  Proxy: documentSchema('Proxy'),
};
