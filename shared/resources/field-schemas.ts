import Type from 'typebox';

/** Schemas of fields that several kinds have. */

/** RFC 1123 subdomain, at most 253 characters. */
export const namePattern = '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$';

export const Name = Type.String({
  pattern: namePattern,
  description:
    'Lower-case letters, digits, "-" and "."; starts and ends with a letter or digit; at most 253 characters.',
});

/** IPv4, IPv6 (with a zone, without brackets) or a name that a resolver takes. */
export const Host = (options: { default?: string; description: string }) =>
  Type.String({
    pattern:
      '^([A-Za-z0-9_]([-A-Za-z0-9_.]{0,251}[A-Za-z0-9_])?|[0-9A-Fa-f]{0,4}(:[0-9A-Fa-f.]{0,15}){2,8}(%[-A-Za-z0-9_.]{1,15})?)$',
    maxLength: 253,
    ...options,
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

export const Duration = (options: { default?: string; description: string }) =>
  Type.String({ pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$', ...options });
