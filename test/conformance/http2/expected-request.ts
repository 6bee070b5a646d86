import type { Field } from '../../harness/http2/hpack/field.ts';
import type { StrictMessage } from '../../harness/strict-reader.ts';
import { readBytes } from '../http1/bytes.ts';
import { readPairs } from './frame-lines.ts';

/** What the origin must see. Framing is the proxy's own business, and judged by whether the body arrives. */
export type ExpectedRequest = {
  readonly startLine: string;
  readonly fields: readonly Field[];
  /** May be there or not. */
  readonly optional: readonly Field[];
  /** Members that must not be in a field that may be there. */
  readonly forbidden: readonly Field[];
  readonly body: string;
  /** Trailers may be dropped (RFC 9110 §6.5.1), but not changed. */
  readonly trailers: readonly Field[];
};

/**
 * Reads the lines of a request: its first line, its fields, an empty line, its body in one line, its trailers. A line that
 * begins with `?` is a field or trailer that may be left out; with `!`, one that must be.
 */
export function readExpected(lines: readonly string[]): ExpectedRequest {
  const [startLine = '', ...rest] = lines;
  const end = rest.indexOf('');
  if (end === -1) throw new Error('a request that must be seen, without an empty line');
  const head = rest.slice(0, end);
  const [body = '', ...trailers] = rest.slice(end + 1);
  const pairs = (list: readonly string[], mark: string) =>
    list.filter((line) => line.startsWith(mark)).flatMap((line) => readPairs(line.slice(mark.length)));
  return {
    startLine: readBytes(startLine),
    fields: head.filter((line) => !/^[?!] /.test(line)).flatMap(readPairs),
    optional: pairs(head, '? '),
    forbidden: pairs(head, '! '),
    body: readBytes(body),
    trailers: pairs(trailers, '? '),
  };
}

/** Names that a proxy adds of its own accord, and the framing that it chooses. */
const ownNames =
  /^(content-length|transfer-encoding|connection|via|forwarded|x-forwarded-(for|proto|host)|traceparent|sec-websocket-key|x-request-id|x-envoy-.*)$/;

/** How a request differs from what was expected, in words; null when it does not. Names have no case, and nor do hosts. */
export function differenceOf(expected: ExpectedRequest, seen: StrictMessage): string | null {
  if (seen.startLine !== expected.startLine) return `the first line became "${seen.startLine.slice(0, 100)}"`;
  const left = seen.fields.map(plain);
  for (const field of expected.fields.map(plain)) {
    const at = left.findIndex(([name]) => name === field[0]);
    if (at === -1) return `"${lineOf(field)}" is gone`;
    if (left[at]![1] !== field[1]) return `"${lineOf(field)}" became "${lineOf(left[at]!)}"`;
    left.splice(at, 1);
  }
  const forbidden = expected.forbidden.find((field) => left.some((one) => hasMember(one, plain(field))));
  if (forbidden !== undefined) return `"${lineOf(forbidden)}" travels on`;
  const optional = expected.optional.map((field) => lineOf(plain(field)));
  const extra = left.find((field) => !ownNames.test(field[0]) && !optional.includes(lineOf(field)));
  if (extra !== undefined) return `"${lineOf(extra)}" is one too many`;
  const trailers = expected.trailers.map((field) => lineOf(plain(field)));
  const late = seen.trailers.find((field) => !trailers.includes(lineOf(plain(field))));
  return late === undefined ? null : `"${lineOf(late)}" is a trailer too many`;
}

function plain([name, value]: Field): Field {
  const folded = name.toLowerCase();
  return [folded, folded === 'host' ? value.toLowerCase() : value];
}

function hasMember([name, value]: Field, [wanted, member]: Field): boolean {
  return name === wanted && value.includes(member);
}

function lineOf([name, value]: Field): string {
  return `${name}: ${value}`;
}
