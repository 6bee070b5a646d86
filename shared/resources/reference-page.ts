import { durationPattern } from '../time/duration.ts';
import { Name } from './field-schemas.ts';
import type { ReferenceText } from './reference-text.ts';

/** The part of JSON Schema that our schemas use. */
type Field = {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly description?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Field>>;
  readonly patternProperties?: Readonly<Record<string, Field>>;
  readonly items?: Field;
};

const notice = '<!-- Made by `npm run generate` from the schemas. Do not edit. -->';

/** The reference page of one kind, in Markdown: what it is for, an example, and every field with its bounds. */
export function resourcePage(kind: string, schema: object, { summary, example, notes }: ReferenceText): string {
  const rows = rowsOf('', schema as Field).map((cells) => `| ${cells.join(' | ')} |`);
  return [
    notice,
    '',
    `# ${kind}`,
    '',
    summary,
    '',
    '```yaml',
    example.trimEnd(),
    '```',
    '',
    '## Fields',
    '',
    '`a.b` is field `b` of object `a`, `a[]` an item of list `a`. A field without a default that is not required may be left',
    'out. Unknown fields are refused.',
    '',
    `- *name*: ${(Name as Field).description}`,
    '- *duration*: up to four numbers with a unit (`h`, `m`, `s`, `ms`), such as `500ms` or `1m30s`.',
    '',
    '| field | type | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    ...(notes ? ['', '## Notes', '', notes] : []),
    '',
  ].join('\n');
}

type Row = readonly [field: string, type: string, fallback: string, meaning: string];

function rowsOf(path: string, schema: Field): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const own = path === '' ? name : `${path}.${name}`;
    const isRequired = schema.required?.includes(name) && field.default === undefined;
    const row: Row = [`\`${own}\``, typeOf(field), isRequired ? 'required' : defaultOf(field), meaningOf(field)];
    return [row, ...(field.items ? rowsOf(`${own}[]`, field.items) : rowsOf(own, field))];
  });
}

function meaningOf({ description = '', items }: Field): string {
  if (description === (Name as Field).description) return ''; // said above the table
  return inCell(description || items?.description || '');
}

function typeOf(field: Field): string {
  if (field.const !== undefined) return `always ${code(field.const)}`;
  if (field.enum) return field.enum.map((value) => code(value)).join(', ');
  if (field.items) return listOf(field, field.items);
  if (field.patternProperties) return 'map of texts';
  if (field.type === 'integer' || field.type === 'number')
    return `${field.type === 'integer' ? 'whole number' : 'number'}${range(field.minimum, field.maximum)}`;
  if (field.type === 'string') return textOf(field);
  return field.type ?? 'any';
}

function listOf({ minItems = 0, maxItems, uniqueItems }: Field, item: Field): string {
  const count = maxItems === undefined ? '' : `, ${minItems} to ${maxItems}`;
  return `list of ${item.properties ? 'objects' : typeOf(item)}${count}${uniqueItems ? ', all different' : ''}`;
}

function textOf({ pattern, minLength, maxLength }: Field): string {
  if (pattern === durationPattern) return 'duration';
  if (pattern === (Name as Field).pattern) return 'name';
  const length = maxLength === undefined ? '' : `, ${minLength ?? 0} to ${maxLength} characters`;
  return `text${length}${pattern === undefined ? '' : `, ${code(pattern, false)}`}`;
}

function range(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum === undefined && maximum === undefined) return '';
  return maximum === undefined ? `, from ${minimum} on` : `, ${minimum} to ${maximum}`;
}

/** The default of an object follows from those of its fields. */
function defaultOf(field: Field): string {
  if (field.default === undefined) return '';
  return field.properties ? 'its fields’' : code(field.default);
}

function code(value: unknown, isJson = true): string {
  const text = isJson && typeof value !== 'string' ? JSON.stringify(value) : String(value);
  const fence = text.includes('`') ? '``' : '`';
  return inCell(`${fence}${text === '' ? '""' : text}${fence}`);
}

/** A bar would end the cell of the table. */
function inCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
