import type { Issue } from '../errors/problem.ts';

/**
 * The part of JSON Schema that the schemas of resources use. A keyword that is not here would be passed over, so a test
 * holds all that `npm run generate` writes against this list.
 */
export type CheckedSchema = {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly title?: string;
  readonly description?: string;
  readonly pattern?: string;
  /** In code points (JSON Schema validation §6.3). */
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: CheckedSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly properties?: { readonly [name: string]: CheckedSchema };
  readonly patternProperties?: { readonly [pattern: string]: CheckedSchema };
  readonly additionalProperties?: boolean;
  readonly required?: readonly string[];
  readonly minProperties?: number;
  readonly maxProperties?: number;
};

/**
 * Fills in the defaults of a document and adds every fault to `issues`. It walks the schema each time: code that
 * Ajv makes of the schemas beforehand is as quick for an instance and takes 16 instead of 22 us for a route, but costs every
 * sidecar 6 MB.
 */
export function checkSchema(schema: CheckedSchema, value: unknown, pointer: string, issues: Issue[]): void {
  if (schema.type !== undefined && !isOfType(value, schema.type))
    issues.push(fault(schema, value, pointer, `must be ${schema.type}`));
  else if (typeof value === 'string') checkText(schema, value, pointer, issues);
  else if (typeof value === 'number') checkNumber(schema, value, pointer, issues);
  else if (Array.isArray(value)) checkItems(schema, value, pointer, issues);
  else if (typeof value === 'object' && value !== null)
    checkFields(schema, value as Record<string, unknown>, pointer, issues);
  if (schema.enum?.includes(value) === false)
    issues.push({ pointer, message: `must be one of ${schema.enum.join(', ')}; got ${show(value)}` });
  if (schema.const !== undefined && schema.const !== value)
    issues.push({ pointer, message: `must be ${show(schema.const)}; got ${show(value)}` });
}

function isOfType(value: unknown, type: NonNullable<CheckedSchema['type']>): boolean {
  switch (type) {
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return Number.isFinite(value);
    default:
      return typeof value === type;
  }
}

function checkText(schema: CheckedSchema, text: string, pointer: string, issues: Issue[]): void {
  const { minLength, maxLength, pattern } = schema;
  const wrongLength = minLength === undefined && maxLength === undefined ? null : lengthFault(schema, text);
  if (wrongLength !== null) issues.push(fault(schema, text, pointer, wrongLength));
  if (pattern === undefined || patternOf(pattern).test(text)) return;
  const because = reason(schema) || `; must match ${pattern}`;
  issues.push({ pointer, message: `is not allowed: ${show(text)}${because}` });
}

function lengthFault({ minLength, maxLength }: CheckedSchema, text: string): string | null {
  return countFault(Array.from(text).length, minLength, maxLength, 'characters');
}

function checkNumber(schema: CheckedSchema, value: number, pointer: string, issues: Issue[]): void {
  const { minimum, maximum } = schema;
  if (minimum !== undefined && value < minimum) issues.push(fault(schema, value, pointer, `must be >= ${minimum}`));
  if (maximum !== undefined && value > maximum) issues.push(fault(schema, value, pointer, `must be <= ${maximum}`));
}

function checkItems(schema: CheckedSchema, list: unknown[], pointer: string, issues: Issue[]): void {
  const wrongCount = countFault(list.length, schema.minItems, schema.maxItems, 'items');
  if (wrongCount !== null) issues.push(fault(schema, list, pointer, wrongCount));
  const before = issues.length;
  if (schema.items !== undefined)
    for (let i = 0; i < list.length; i++) checkSchema(schema.items, list[i], `${pointer}/${i}`, issues);
  // Only lists of strings and numbers have to be unique.
  if (schema.uniqueItems === true && issues.length === before && new Set(list).size < list.length)
    issues.push(fault(schema, list, pointer, 'must NOT have duplicate items'));
}

function checkFields(schema: CheckedSchema, record: Record<string, unknown>, pointer: string, issues: Issue[]): void {
  const { properties = {}, required = [] } = schema;
  const given = Object.keys(record);
  for (const name in properties) fillIn(record, name, properties[name]!.default);
  for (const name of required)
    if (record[name] === undefined) issues.push({ pointer: `${pointer}/${name}`, message: 'is required' });
  const wrongCount = countFault(Object.keys(record).length, schema.minProperties, schema.maxProperties, 'properties');
  if (wrongCount !== null) issues.push(fault(schema, record, pointer, wrongCount));
  for (const name in properties)
    if (record[name] !== undefined) checkSchema(properties[name]!, record[name], `${pointer}/${name}`, issues);
  for (const name of given)
    if (!Object.hasOwn(properties, name)) checkOther(schema, name, record[name], pointer, issues);
}

/** Only an object or a list is copied: whoever gets it may change it. */
function fillIn(record: Record<string, unknown>, name: string, value: unknown): void {
  if (record[name] === undefined && value !== undefined)
    record[name] = typeof value === 'object' ? structuredClone(value) : value;
}

function checkOther(schema: CheckedSchema, name: string, value: unknown, pointer: string, issues: Issue[]): void {
  const { patternProperties = {}, additionalProperties = true } = schema;
  const place = `${pointer}/${escapePointer(name)}`;
  let isKnown = additionalProperties;
  for (const pattern in patternProperties)
    if (patternOf(pattern).test(name)) {
      isKnown = true;
      checkSchema(patternProperties[pattern]!, value, place, issues);
    }
  if (!isKnown) issues.push({ pointer: place, message: unknownField(schema) });
}

function countFault(count: number, least = 0, most = Number.POSITIVE_INFINITY, what: string): string | null {
  if (count > most) return `must NOT have more than ${most} ${what}`;
  return count < least ? `must NOT have fewer than ${least} ${what}` : null;
}

const patterns = new Map<string, RegExp>();

function patternOf(source: string): RegExp {
  const known = patterns.get(source);
  if (known !== undefined) return known;
  const pattern = new RegExp(source, 'u');
  patterns.set(source, pattern);
  return pattern;
}

function fault(schema: CheckedSchema, value: unknown, pointer: string, what: string): Issue {
  return { pointer, message: `${what}; got ${show(value)}${reason(schema)}` };
}

function unknownField(schema: CheckedSchema): string {
  const known = Object.keys(schema.properties ?? {});
  return known.length > 0 ? `unknown field; known here: ${known.join(', ')}` : `not allowed here${reason(schema)}`;
}

function reason({ description }: CheckedSchema): string {
  return description ? ` (${description})` : '';
}

export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function escapePointer(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1');
}
