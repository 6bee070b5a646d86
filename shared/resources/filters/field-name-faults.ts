import type { Issue } from '../../errors/problem.ts';
import { listOf } from '../resource.ts';
import type { FieldLine, HeaderModifier } from './header-modifier.ts';

/** Names that filters may not touch, since something else says what stands there, and why. */

const ofConnection = 'belongs to one connection and is written anew for each';
const ofTrace = 'is written by the proxy for each hop; a trace is followed, not set';
const ofForwarding = 'tells who called, which the listener knows: see forwarding of the Proxy document';
const ofHandshake = 'belongs to the handshake of a WebSocket';

const always: Readonly<Record<string, string>> = {
  connection: ofConnection,
  'keep-alive': ofConnection,
  'proxy-connection': ofConnection,
  te: ofConnection,
  upgrade: ofConnection,
  'http2-settings': ofConnection,
  'transfer-encoding': 'says where the body ends, which only who writes it knows',
  'content-length': 'says where the body ends, which only who writes it knows',
  trailer: 'announces trailers, which no filter changes',
};

const ofRequests: Readonly<Record<string, string>> = {
  ...always,
  host: 'is changed by a filter of type URLRewrite, with hostname',
  expect: 'asks the next hop for an interim reply that nobody would wait for',
  'max-forwards': 'is counted down by each proxy',
  'grpc-timeout': 'is what is left of the time; limit it with timeouts.request of the rule',
  'sec-websocket-key': ofHandshake,
  traceparent: ofTrace,
  tracestate: ofTrace,
  b3: ofTrace,
  'x-b3-traceid': ofTrace,
  'x-b3-spanid': ofTrace,
  'x-b3-parentspanid': ofTrace,
  'x-b3-sampled': ofTrace,
  'x-b3-flags': ofTrace,
  forwarded: ofForwarding,
  'x-forwarded-for': ofForwarding,
  'x-forwarded-proto': ofForwarding,
  'x-forwarded-host': ofForwarding,
};

const ofStatus = 'says how a call of gRPC went, which only its instance knows';

const ofReplies: Readonly<Record<string, string>> = {
  ...always,
  'sec-websocket-accept': ofHandshake,
  'grpc-status': ofStatus,
  'grpc-message': ofStatus,
};

const ofOwnReplies: Readonly<Record<string, string>> = {
  ...ofReplies,
  'content-type': 'is said by contentType',
  date: 'is written by the proxy',
};

const refused = { request: ofRequests, reply: ofReplies, 'own reply': ofOwnReplies };

/** Faults of a modifier of fields, which may be one that its schema refused. */
export function modifierFaults(modifier: Partial<HeaderModifier>, of: 'request' | 'reply', at: string): Issue[] {
  const names = [
    ...placesOf(modifier.set, `${at}/set`),
    ...placesOf(modifier.add, `${at}/add`),
    ...listOf(modifier.remove).map((name, i) => ({ name: textOf(name), pointer: `${at}/remove/${i}` })),
  ];
  if (names.length === 0) return [{ pointer: at, message: 'needs set, add or remove with a field in it' }];
  const seen = new Map<string, string>();
  return names.flatMap(({ name, pointer }) => {
    const before = seen.get(name);
    seen.set(name, pointer);
    if (before !== undefined && name !== '')
      return [{ pointer, message: `${name} is changed at ${before} already; keep one of the two` }];
    return nameFaults(name, of, pointer);
  });
}

/** Faults of the fields that a reply of our own has; one name may come several times. */
export function ownFieldFaults(lines: readonly FieldLine[] | undefined, at: string): Issue[] {
  return placesOf(lines, at).flatMap(({ name, pointer }) => nameFaults(name, 'own reply', pointer));
}

function placesOf(lines: readonly FieldLine[] | undefined, at: string): { name: string; pointer: string }[] {
  return listOf(lines).map((line, i) => ({ name: textOf(line?.name), pointer: `${at}/${i}/name` }));
}

/** In lower case; empty for what its schema refuses anyway. */
function textOf(name: unknown): string {
  return typeof name === 'string' ? name.toLowerCase() : '';
}

function nameFaults(name: string, of: keyof typeof refused, pointer: string): Issue[] {
  // What CGI and its heirs take for "-" (RFC 3875 §4.1.18), so that such a name is another's to many servers.
  const plain = name.replace(/[^0-9a-z-]/g, '-');
  const reason = plain.startsWith('x-meshlane-') ? 'is a word between proxies' : refused[of][plain];
  if (reason === undefined) return [];
  const who = plain === name ? name : `${name} can be taken for ${plain}, which`;
  return [{ pointer, message: `${who} ${reason}; leave it out` }];
}
