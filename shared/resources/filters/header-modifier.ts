import Type, { type Static } from 'typebox';

/** What may be a value: visible ASCII with spaces in between, so that it cannot end its line (RFC 9110 §5.5). */
const valuePattern = '^[\\x21-\\x7e]([\\x20-\\x7e\\t]*[\\x21-\\x7e])?$';

const FieldName = Type.String({
  pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$",
  description: 'Field name, any case (RFC 9110 §5.1).',
});

export const FieldLine = Type.Object(
  {
    name: FieldName,
    value: Type.String({
      minLength: 1,
      maxLength: 4096,
      pattern: valuePattern,
      description: 'Sent as it stands here; visible ASCII, with spaces only in between.',
    }),
  },
  { additionalProperties: false },
);
export type FieldLine = Static<typeof FieldLine>;

/** Gateway API HTTPHeaderFilter. */
export const HeaderModifier = (of: 'request' | 'reply') =>
  Type.Object(
    {
      set: Type.Optional(
        Type.Array(FieldLine, { maxItems: 16, description: 'These take the place of all lines with their name.' }),
      ),
      add: Type.Optional(
        Type.Array(FieldLine, {
          maxItems: 16,
          description:
            'These are appended: with a comma to the last line with their name, as a line of its own where there is none or for Set-Cookie.',
        }),
      ),
      remove: Type.Optional(Type.Array(FieldName, { maxItems: 16, description: 'All lines with these names go.' })),
    },
    { additionalProperties: false, description: `Changes fields of the ${of}, each in one way.` },
  );
export type HeaderModifier = Static<ReturnType<typeof HeaderModifier>>;
