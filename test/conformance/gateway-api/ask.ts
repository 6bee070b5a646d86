import { type Fields, takeOf } from './take.ts';

/**
 * A request, and what becomes of it.
 *
 *   send   host and path; method and headers; `from`, the namespace of its caller; `caller: http1` or `http2` for what only
 *          one of them can say
 *   sees   what the server got: `by`, its name or several of which any will do, and of method, host, path and headers what
 *          is not as it was sent. Without it no server got anything.
 *   gets   status and headers of the reply
 *
 * Headers are all there are, but for those of the connection and the trace, and those that every reply has.
 */
export type Ask = { readonly send: Send; readonly sees: Sees | null; readonly gets: Gets };

export type Send = {
  /** Null for a caller in no namespace. */
  readonly from: string | null;
  readonly caller: 'http1' | 'http2' | 'any';
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly headers: Fields;
};

export type Sees = Pick<Send, 'method' | 'host' | 'path' | 'headers'> & { readonly by: readonly string[] };

export type Gets = { readonly status: Status; readonly headers: Fields };
/** That of gRPC for its calls; the name of the error where a stream is reset instead of a reply. */
export type Status = number | 'PROTOCOL_ERROR';

/** What is not said of a request. */
export type Usual = { readonly method: string; readonly headers: Fields; readonly status: Status };

export const usualRequest: Usual = { method: 'GET', headers: {}, status: 200 };
export const usualCall: Usual = {
  method: 'POST',
  headers: { te: 'trailers', 'content-type': 'application/grpc' },
  status: 0,
};

export function readAsk(document: unknown, usual: Usual): Ask {
  const take = takeOf(document, 'a request');
  const send = readSend(take.value('send'), usual);
  const sees = take.value('sees');
  const gets = takeOf(take.value('gets'), 'gets');
  const ask: Ask = {
    send,
    sees: sees === undefined ? null : readSees(sees, send, usual),
    gets: { status: readStatus(gets.value('status') ?? usual.status), headers: gets.fields('headers', {}) },
  };
  gets.end();
  take.end();
  return ask;
}

function readStatus(value: unknown): Status {
  if (typeof value !== 'number' && value !== 'PROTOCOL_ERROR') throw new Error(`gets: "${value}" is no status`);
  return value;
}

export function readSend(document: unknown, usual: Usual): Send {
  const take = takeOf(document, 'send');
  const send = {
    from: take.text('from', '') || null,
    caller: take.one('caller', ['http1', 'http2', 'any'], 'any'),
    method: take.text('method', usual.method),
    host: take.text('host'),
    path: take.text('path'),
    headers: { ...usual.headers, ...take.fields('headers', {}) },
  };
  take.end();
  return send;
}

function readSees(document: unknown, send: Send, usual: Usual): Sees {
  const take = takeOf(document, 'sees');
  const sees = {
    by: take.texts('by'),
    method: take.text('method', send.method),
    host: take.text('host', send.host),
    path: take.text('path', send.path),
    headers: { ...usual.headers, ...take.fields('headers', send.headers) },
  };
  take.end();
  return sees;
}
