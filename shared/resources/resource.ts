import Type, { type Static } from 'typebox';

/** The kinds of resource, in the order in which a set of them has to be applied. */
export const kinds = ['Service', 'Instance', 'Route', 'Policy'] as const;
export type Kind = (typeof kinds)[number];

/** The path segment of each kind in the control API. */
export const plurals: Readonly<Record<Kind, string>> = {
  Service: 'services',
  Instance: 'instances',
  Route: 'routes',
  Policy: 'policies',
};

/** RFC 1123 subdomain, at most 253 characters. */
export const Name = Type.String({
  pattern: '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$',
  description:
    'Lower-case letters, digits, "-" and "."; starts and ends with a letter or digit; at most 253 characters.',
});

export const Labels = Type.Record(
  Type.String({ pattern: '^[A-Za-z0-9]([-A-Za-z0-9_./]{0,251}[A-Za-z0-9])?$' }),
  Type.String({ maxLength: 256 }),
  {
    additionalProperties: false,
    maxProperties: 64,
    description:
      'Up to 64 words about the resource; keys start and end with a letter or digit and may hold "-", "_", "." and "/".',
  },
);
export type Labels = Static<typeof Labels>;

export const Duration = (options: { default?: string; description: string }) =>
  Type.String({ pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$', ...options });

/** Status is what the mesh says about a resource; what a client sends there is ignored. */
export type ResourceStatus = { created?: number; [key: string]: unknown };

/** What is stored, pushed and shown, whatever the kind. `revision` is the store revision of the last change. */
export type Resource<K extends Kind = Kind, Spec = unknown> = {
  kind: K;
  name: string;
  labels: Labels;
  spec: Spec;
  status?: ResourceStatus;
  revision?: number;
};

export type ResourceKey = `${Kind}/${string}`;

export function keyOf(resource: { kind: Kind; name: string }): ResourceKey {
  return `${resource.kind}/${resource.name}`;
}

/** The items of what should be a list, or none: for looking through documents that are not known to be sound. */
export function listOf<T>(value: readonly T[] | undefined): readonly T[] {
  return Array.isArray(value) ? value : [];
}
