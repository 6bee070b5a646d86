import { deepStrictEqual } from 'node:assert';
import t from 'tap';
import { escaped, holdsFor } from '../../harness/property.ts';
import { forwardingFault } from '../../harness/strict-http1/forwarding.ts';
import { type Field, valuesOf } from '../../harness/strict-http1/rules.ts';
import { readReplies, readRequests, type StrictRead } from '../../harness/strict-reader.ts';
import {
  bodyOf,
  type Message,
  message,
  type RequestMessage,
  serialise,
  startLineOf,
  trailersOf,
} from './arbitraries.ts';
import { type Relayed, relayReplies, relayRequests } from './codec-relay.ts';

const show = (one: Message) => escaped(serialise(one));

function relay(one: Message, pieces: readonly Buffer[]): Relayed {
  return one.kind === 'request' ? relayRequests(pieces) : relayReplies(pieces, [one.method], true);
}

t.test('what is read from a message is what it says', async (t) => {
  holdsFor(t, message, { runs: 3000, show }, (one) => {
    const bytes = serialise(one);
    const relayed = relay(one, [bytes]);
    deepStrictEqual(relayed.refused, null);
    deepStrictEqual(relayed.messages, [
      {
        startLine: startLineOf(one),
        fields: one.lines.map(({ field }) => field),
        body: bodyOf(one),
        trailers: trailersOf(one),
        host: one.kind === 'request' ? hostOf(one) : '',
      },
    ]);
    deepStrictEqual(relayed.end, bytes.length);
    deepStrictEqual(relayed.isPartial, false);
  });
});

t.test('what is written of a message is the same message with what belongs to the hop exchanged', async (t) => {
  holdsFor(t, message, { runs: 3000, show }, (one) => {
    const { written } = relay(one, [serialise(one)]);
    const read = one.kind === 'request' ? readRequests(written) : readReplies(written, [one.method], true);
    const [only] = read.messages;
    deepStrictEqual([read.fault, read.isPartial, read.messages.length], [null, false, 1], escaped(written));
    deepStrictEqual(forwardingFault(only!), null, escaped(written));
    deepStrictEqual(only!.startLine, forwardedStartLine(one));
    deepStrictEqual(only!.body, bodyOf(one));
    const listed = listedBy(one);
    deepStrictEqual(
      withoutOurs(only!.fields),
      withoutOurs(one.lines.map(({ field }) => field)).filter(([name]) => !listed.has(name.toLowerCase())),
    );
    const trailers = trailersOf(one).filter(([name]) => !listed.has(name.toLowerCase()));
    deepStrictEqual(only!.trailers, trailers);
    if (one.kind === 'request') deepStrictEqual(valuesOf(only!.fields, 'host'), [authorityOf(one)]);
    checkFraming(one, read);
  });
});

function checkFraming(one: Message, { messages }: StrictRead): void {
  const { fields } = messages[0]!;
  const size = bodyOf(one).length;
  const lengths = valuesOf(fields, 'content-length');
  const codings = valuesOf(fields, 'transfer-encoding');
  switch (one.body.kind) {
    case 'length':
      return deepStrictEqual([lengths, codings], [[String(size)], []]);
    case 'chunked':
    case 'close':
      return deepStrictEqual([lengths, codings], [[], ['chunked']]);
    case 'none':
      deepStrictEqual(codings, []);
      if (one.kind === 'request') deepStrictEqual(lengths, []);
  }
}

const ours = new Set(
  (
    'host connection content-length transfer-encoding keep-alive proxy-connection te upgrade http2-settings expect ' +
    'traceparent tracestate b3 x-b3-traceid x-meshlane-reason'
  ).split(' '),
);

/** Fields that are neither removed at every hop nor written anew by the proxy, in their order. */
function withoutOurs(fields: readonly Field[]): Field[] {
  return fields.filter(([name]) => !ours.has(name.toLowerCase()));
}

/** Names that Connection lists (RFC 9110 §7.6.1). */
function listedBy(one: Message): Set<string> {
  const values = valuesOf(
    one.lines.map(({ field }) => field),
    'connection',
  );
  return new Set(values.flatMap((value) => value.split(',')).map((option) => option.trim().toLowerCase()));
}

function authorityOf(one: RequestMessage): string {
  return (
    one.authority ??
    valuesOf(
      one.lines.map(({ field }) => field),
      'host',
    )[0] ??
    ''
  );
}

/** The host without its port, in lower case. */
function hostOf(one: RequestMessage): string {
  return authorityOf(one)
    .replace(/:[0-9]*$/, '')
    .toLowerCase();
}

/** The request line in origin form (RFC 9112 §3.2.1, §3.2.4), the status line in our version. */
function forwardedStartLine(one: Message): string {
  if (one.kind === 'reply') return `HTTP/1.1 ${one.status} ${one.reason}`;
  let target = one.target;
  if (one.authority !== null) {
    target = target.slice(target.indexOf('://') + 3 + one.authority.length);
    if (target === '' && one.method === 'OPTIONS') target = '*';
    else if (!target.startsWith('/')) target = `/${target}`;
  }
  return `${one.method} ${target} HTTP/1.1`;
}
