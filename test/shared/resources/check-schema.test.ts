import { Ajv, type ValidateFunction } from 'ajv';
import t from 'tap';
import type { Issue } from '../../../shared/errors/problem.ts';
import { type CheckedSchema, checkSchema } from '../../../shared/resources/check-schema.ts';
import { documentSchemas } from '../../../shared/resources/schema.ts';

/** What stands in place of each part of a document in turn. */
const oddities: readonly unknown[] = [
  ...[null, true, -1, 0, 1.5, 2 ** 40, Number.NaN, '', 'a', 'A b', '5s', '😀'.repeat(140), 'x'.repeat(300)],
  ...[[], {}, ['a', 'a'], [1, null], { 'a/b~c': 1, kind: 'x' }, Array(70).fill('a'), undefined],
];

t.test('every keyword of the schemas is one that is checked', async (t) => {
  const known: Record<keyof CheckedSchema, true> = {
    ...{ type: true, enum: true, const: true, default: true, title: true, description: true, pattern: true },
    ...{ minLength: true, maxLength: true, minimum: true, maximum: true, items: true, minItems: true, maxItems: true },
    ...{ uniqueItems: true, properties: true, patternProperties: true, additionalProperties: true, required: true },
    ...{ minProperties: true, maxProperties: true },
  };
  for (const schema of Object.values(documentSchemas).flatMap(partsOf))
    for (const keyword of Object.keys(schema)) t.ok(keyword in known, keyword);
});

for (const [kind, schema] of Object.entries(documentSchemas))
  t.test(`${kind}: defaults and places of faults are those that Ajv finds`, async (t) => {
    const validate = new Ajv({ allErrors: true, useDefaults: true, strict: false, logger: false }).compile(schema);
    const whole = sampleOf(schema);
    let differences = 0;
    for (const path of pathsOf(whole))
      for (const oddity of oddities) {
        const document = withAt(whole, path, oddity);
        const theirs = structuredClone(document);
        const found = placesFound(schema, document);
        const expected = placesFoundBy(validate, theirs);
        const isSame = JSON.stringify([document, found]) === JSON.stringify([theirs, expected]);
        if (isSame || ++differences > 3) continue;
        t.same(
          { document, found },
          { document: theirs, found: expected },
          `${path.join('/')} = ${JSON.stringify(oddity)}`,
        );
      }
    t.equal(differences, 0);
  });

/** Each place once: to Ajv, what is no number is out of its bounds as well. Fills in defaults. */
function placesFound(schema: CheckedSchema, document: unknown): string[] {
  const issues: Issue[] = [];
  checkSchema(schema, document, '', issues);
  return [...new Set(issues.map(({ pointer }) => pointer))].sort();
}

function placesFoundBy(validate: ValidateFunction, document: unknown): string[] {
  validate(document);
  const errors = validate.errors ?? [];
  // Of a list with wrong items we do not say as well that some of them are alike.
  const isSaid = (list: string) => errors.some(({ instancePath }) => instancePath.startsWith(`${list}/`));
  const places = errors
    .filter(({ keyword, instancePath }) => keyword !== 'uniqueItems' || !isSaid(instancePath))
    .map(({ instancePath, params }) => {
      const name: string | undefined = params['additionalProperty'] ?? params['missingProperty'];
      return name === undefined ? instancePath : `${instancePath}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    });
  return [...new Set(places)].sort();
}

function partsOf(schema: CheckedSchema): CheckedSchema[] {
  const parts = [
    ...Object.values(schema.properties ?? {}),
    ...Object.values(schema.patternProperties ?? {}),
    ...(schema.items === undefined ? [] : [schema.items]),
  ];
  return [schema, ...parts.flatMap(partsOf)];
}

/** A document with all that a schema allows; some of its texts are wrong. */
function sampleOf(schema: CheckedSchema): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.type === 'array') return schema.items === undefined ? [] : [sampleOf(schema.items)];
  if (schema.type !== 'object') return schema.default ?? schema.minimum ?? (schema.type === 'boolean' ? true : 'a');
  const named = Object.entries(schema.properties ?? {}).map(([name, part]) => [name, sampleOf(part)] as const);
  const others = Object.values(schema.patternProperties ?? {}).map((part) => ['x-a', sampleOf(part)] as const);
  return Object.fromEntries([...named, ...others]);
}

function pathsOf(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [[]];
  return [[], ...Object.entries(value).flatMap(([name, part]) => pathsOf(part).map((path) => [name, ...path]))];
}

function withAt(value: unknown, [name, ...rest]: readonly string[], part: unknown): unknown {
  if (name === undefined) return structuredClone(part);
  const copy = structuredClone(value) as Record<string, unknown>;
  copy[name] = withAt(copy[name], rest, part);
  return copy;
}
