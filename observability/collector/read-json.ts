import type { WireAttribute, WireEvent, WireLink, WireSpan, WireTraces, WireValue } from './otlp.ts';

/**
 * OTLP's own JSON form of a trace request: camelCase, ids in hex, 64-bit integers as text or number, bytes in base64
 * (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). Unknown fields are ignored, as the
 * specification asks. Throws a SyntaxError that points at the first fault.
 */
export function readTracesJson(text: string): WireTraces {
  const root = object(JSON.parse(text), '');
  return {
    resourceSpans: list(root, '', 'resourceSpans', (value, at) => {
      const group = object(value, at);
      return {
        ...optional('resource', group['resource'], (resource) => {
          const from = object(resource, `${at}/resource`);
          return {
            attributes: attributes(from, `${at}/resource`),
            ...count(from, `${at}/resource`, 'droppedAttributesCount'),
          };
        }),
        scopeSpans: list(group, at, 'scopeSpans', (scopeSpans, scopeAt) => {
          const from = object(scopeSpans, scopeAt);
          return {
            ...optional('scope', from['scope'], (scope) => readScope(scope, `${scopeAt}/scope`)),
            spans: list(from, scopeAt, 'spans', readSpan),
            ...string(from, scopeAt, 'schemaUrl'),
          };
        }),
        ...string(group, at, 'schemaUrl'),
      };
    }),
  };
}

function readScope(value: unknown, at: string) {
  const from = object(value, at);
  return {
    ...string(from, at, 'name'),
    ...string(from, at, 'version'),
    attributes: attributes(from, at),
    ...count(from, at, 'droppedAttributesCount'),
  };
}

function readSpan(value: unknown, at: string): WireSpan {
  const from = object(value, at);
  return {
    ...id(from, at, 'traceId'),
    ...id(from, at, 'spanId'),
    ...string(from, at, 'traceState'),
    ...id(from, at, 'parentSpanId'),
    ...string(from, at, 'name'),
    ...choice(from, at, 'kind', 'SPAN_KIND_', ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']),
    ...nanos(from, at, 'startTimeUnixNano'),
    ...nanos(from, at, 'endTimeUnixNano'),
    attributes: attributes(from, at),
    ...count(from, at, 'droppedAttributesCount'),
    events: list(from, at, 'events', readEvent),
    ...count(from, at, 'droppedEventsCount'),
    links: list(from, at, 'links', readLink),
    ...count(from, at, 'droppedLinksCount'),
    ...optional('status', from['status'], (status) => {
      const inner = object(status, `${at}/status`);
      return {
        ...string(inner, `${at}/status`, 'message'),
        ...choice(inner, `${at}/status`, 'code', 'STATUS_CODE_', ['UNSET', 'OK', 'ERROR']),
      };
    }),
    ...count(from, at, 'flags'),
  };
}

function readEvent(value: unknown, at: string): WireEvent {
  const from = object(value, at);
  return {
    ...nanos(from, at, 'timeUnixNano'),
    ...string(from, at, 'name'),
    attributes: attributes(from, at),
    ...count(from, at, 'droppedAttributesCount'),
  };
}

function readLink(value: unknown, at: string): WireLink {
  const from = object(value, at);
  return {
    ...id(from, at, 'traceId'),
    ...id(from, at, 'spanId'),
    ...string(from, at, 'traceState'),
    attributes: attributes(from, at),
    ...count(from, at, 'droppedAttributesCount'),
    ...count(from, at, 'flags'),
  };
}

const attributes = (from: Fields, at: string) => list(from, at, 'attributes', readAttribute);

function readAttribute(value: unknown, at: string, depth = 0): WireAttribute {
  const from = object(value, at);
  return {
    ...string(from, at, 'key'),
    ...optional('value', from['value'], (inner) => readValue(inner, `${at}/value`, depth)),
  };
}

/** As deep as the protobuf reader goes, too. */
const deepestValue = 40;

function readValue(value: unknown, at: string, depth: number): WireValue {
  if (depth > deepestValue) fail(at, `must not nest deeper than ${deepestValue} values`);
  const from = object(value, at);
  if (present(from['stringValue'])) return string(from, at, 'stringValue');
  if (present(from['boolValue'])) {
    if (typeof from['boolValue'] !== 'boolean') fail(`${at}/boolValue`, 'must be true or false');
    return { boolValue: from['boolValue'] };
  }
  if (present(from['intValue'])) return { intValue: integer(from['intValue'], `${at}/intValue`, minInt64, maxInt64) };
  if (present(from['doubleValue'])) return { doubleValue: double(from['doubleValue'], `${at}/doubleValue`) };
  if (present(from['bytesValue'])) {
    const { bytesValue } = string(from, at, 'bytesValue');
    return { bytesValue: Buffer.from(bytesValue ?? '', 'base64') };
  }
  if (present(from['arrayValue'])) {
    const inner = object(from['arrayValue'], `${at}/arrayValue`);
    return {
      arrayValue: { values: list(inner, `${at}/arrayValue`, 'values', (v, to) => readValue(v, to, depth + 1)) },
    };
  }
  if (present(from['kvlistValue'])) {
    const inner = object(from['kvlistValue'], `${at}/kvlistValue`);
    return {
      kvlistValue: { values: list(inner, `${at}/kvlistValue`, 'values', (v, to) => readAttribute(v, to, depth + 1)) },
    };
  }
  return {};
}

type Fields = Readonly<Record<string, unknown>>;

function fail(at: string, message: string): never {
  throw new SyntaxError(`${at || '(document)'} ${message}`);
}

const present = (value: unknown) => value !== undefined && value !== null;

function object(value: unknown, at: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(at, 'must be an object');
  return value as Fields;
}

function list<T>(from: Fields, at: string, name: string, read: (value: unknown, at: string) => T): T[] {
  const value = from[name];
  if (!present(value)) return [];
  if (!Array.isArray(value)) fail(`${at}/${name}`, 'must be a list');
  return value.map((item, index) => read(item, `${at}/${name}/${index}`));
}

function optional<K extends string, T>(name: K, value: unknown, read: (value: unknown) => T): { [key in K]?: T } {
  return present(value) ? ({ [name]: read(value) } as { [key in K]?: T }) : {};
}

function string<K extends string>(from: Fields, at: string, name: K): { [key in K]?: string } {
  return optional(name, from[name], (value) => {
    if (typeof value !== 'string') fail(`${at}/${name}`, 'must be a string');
    return value;
  });
}

/** Whether an id has the right length is judged per span, whatever encoding it came in. */
function id<K extends string>(from: Fields, at: string, name: K): { [key in K]?: Buffer } {
  return optional(name, from[name], (value) => {
    if (typeof value !== 'string' || !/^(?:[0-9a-fA-F]{2})*$/.test(value)) fail(`${at}/${name}`, 'must be hex digits');
    return Buffer.from(value, 'hex');
  });
}

const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;
const maxUint64 = 2n ** 64n - 1n;
const maxUint32 = 2n ** 32n - 1n;

function integer(value: unknown, at: string, least: bigint, most: bigint): string {
  const isText = typeof value === 'string' && /^-?[0-9]{1,20}$/.test(value);
  if (!isText && !(typeof value === 'number' && Number.isInteger(value)))
    fail(at, 'must be an integer, as text or number');
  const whole = BigInt(value as string | number);
  if (whole < least || whole > most) fail(at, `must be from ${least} to ${most}`);
  return whole.toString();
}

function nanos<K extends string>(from: Fields, at: string, name: K): { [key in K]?: string } {
  return optional(name, from[name], (value) => integer(value, `${at}/${name}`, 0n, maxUint64));
}

function count<K extends string>(from: Fields, at: string, name: K): { [key in K]?: number } {
  return optional(name, from[name], (value) => Number(integer(value, `${at}/${name}`, 0n, maxUint32)));
}

function double(value: unknown, at: string): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  return fail(at, 'must be a number');
}

/** Enums are integers in OTLP's JSON; their protobuf names are taken, too, because many libraries write those. */
function choice<K extends string>(
  from: Fields,
  at: string,
  name: K,
  prefix: string,
  words: readonly string[],
): { [key in K]?: number } {
  return optional(name, from[name], (value) => {
    const index = typeof value === 'string' ? words.findIndex((word) => prefix + word === value) : value;
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index > 0x7fff_ffff)
      fail(`${at}/${name}`, `must be an integer or one of ${words.map((word) => prefix + word).join(', ')}`);
    return index;
  });
}
