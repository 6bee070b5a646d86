import type { IncomingMessage, ServerResponse } from 'node:http';
import { originOf, type Protocol } from '../../dataplane/http2/calling.ts';
import { fieldOf } from '../../harness/grpc/fields.ts';
import { type ServedCall, wireServer } from '../../harness/grpc/wire-server.ts';
import type { Owner } from '../../harness/owner.ts';
import type { Fields } from './take.ts';

/** What a server saw of a request, which is what it answers with. */
export type Seen = {
  /** The server's name. */
  readonly by: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** Without those of the connection, the body and the trace. Values of one name on several lines have " and " between them. */
  readonly headers: Fields;
};

/** Servers that say their name and what they saw. */
export class Echoes {
  /** Requests that came to them so far. */
  count = 0;

  /** Starts one; resolves with its port. */
  async listen(t: Owner, protocol: Protocol | 'grpc', name: string): Promise<number> {
    if (protocol === 'grpc')
      return (await wireServer(t, (call) => call.answer(this.#say(seenOfCall(call, name))))).port;
    return originOf(t, protocol, (request: IncomingMessage, reply: ServerResponse) => {
      reply.writeHead(200, { 'content-type': 'application/json' }).end(this.#say(seenOf(request, name)));
    });
  }

  #say(seen: Seen): Buffer {
    this.count++;
    return Buffer.from(JSON.stringify(seen));
  }
}

const ofHop = /^(:.*|host|connection|transfer-encoding|content-length|keep-alive|traceparent|x-meshlane-.*)$/;

function seenOf({ method = '', url = '', headers, rawHeaders }: IncomingMessage, by: string): Seen {
  const fields = new Map<string, string[]>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    fields.set(name, [...(fields.get(name) ?? []), rawHeaders[i + 1]!]);
  }
  return { by, method, host: headers.host ?? String(headers[':authority']), path: url, headers: fieldsFrom(fields) };
}

function seenOfCall({ path, fields }: ServedCall, by: string): Seen {
  const method = fieldOf(fields, ':method')!;
  return { by, method, host: fieldOf(fields, ':authority')!, path, headers: fieldsFrom(fields) };
}

function fieldsFrom(fields: ReadonlyMap<string, readonly string[]>): Fields {
  const kept = [...fields].filter(([name]) => !ofHop.test(name));
  return Object.fromEntries(kept.map(([name, values]) => [name, values.join(' and ')]));
}
