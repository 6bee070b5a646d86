/** The fields of a head or trailer section by name, each value by itself and in order; pseudo-header fields as well. */
export type Fields = ReadonlyMap<string, readonly string[]>;

/** From the flat list that `node:http2` gives beside its object, which joins what was sent apart. */
export function fieldsOf(flat: readonly string[]): Fields {
  const fields = new Map<string, string[]>();
  for (let i = 0; i < flat.length; i += 2) {
    const values = fields.get(flat[i]!);
    if (values) values.push(flat[i + 1]!);
    else fields.set(flat[i]!, [flat[i + 1]!]);
  }
  return fields;
}

/** The only value of a field; undefined when it is not there. */
export function fieldOf(fields: Fields, name: string): string | undefined {
  const values = fields.get(name) ?? [];
  if (values.length > 1) throw new Error(`${name} is there ${values.length} times: ${values.join(' | ')}`);
  return values[0];
}
