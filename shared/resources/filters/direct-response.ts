import Type, { type Static } from 'typebox';
import { FieldLine } from './header-modifier.ts';

export const DirectResponse = Type.Object(
  {
    status: Type.Integer({ default: 200, minimum: 200, maximum: 599 }),
    contentType: Type.String({ default: 'text/plain; charset=utf-8', pattern: '^[\\x21-\\x7e][\\x20-\\x7e]{0,255}$' }),
    body: Type.String({ default: '', maxLength: 65_536 }),
    headers: Type.Array(FieldLine, { default: [], maxItems: 16, description: 'More fields of the reply.' }),
  },
  { additionalProperties: false, description: 'Answers without an instance.' },
);
export type DirectResponse = Static<typeof DirectResponse>;
