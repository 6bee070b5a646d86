import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';

/**
 * What every app of the shop is built on: an ordinary `node:http` server that answers in JSON. Nothing here knows that a
 * mesh is in front of it.
 */
export type Request = {
  readonly method: string;
  /** Segments of the path, decoded: `/users/ada` is ['users', 'ada']. */
  readonly path: readonly string[];
  readonly headers: IncomingHttpHeaders;
  /** The body as JSON; undefined when there is none. Throws an HttpError when it is not JSON. */
  json(): unknown;
};

export type Reply = { readonly status?: number; readonly body: unknown };

/** Answers a request; undefined says that there is nothing at this method and path. */
export type Handler = (request: Request) => Reply | undefined | Promise<Reply | undefined>;

/** A refusal that the caller gets as `{"error": message}`. */
export class HttpError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const maxBodyBytes = 64 * 1024;
/** Time that open requests get after SIGTERM. */
const drainMs = 5_000;

/** Reads `--name value` flags; ends the process with exit code 2 and one line when one is unknown or missing. */
export function readFlags<const T extends Readonly<Record<string, string | null>>>(
  defaults: T,
): { [name in keyof T]: string } {
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' as const }]));
  try {
    const { values } = parseArgs({ options, strict: true });
    for (const [name, fallback] of Object.entries(defaults)) {
      if (values[name] === undefined && fallback === null) throw new Error(`--${name} is missing`);
      values[name] ??= fallback as string;
    }
    return values as { [name in keyof T]: string };
  } catch (error) {
    process.stderr.write(`${(error as Error).message.split('\n')[0]}\n`);
    process.exit(2);
  }
}

/** Serves on 127.0.0.1 and prints one `ready:` line; SIGTERM and SIGINT let open requests end first. */
export function serve(name: string, portText: string, handler: Handler): void {
  const server = createServer((incoming, response) => void answer(incoming, response, handler));
  server.on('error', (error: NodeJS.ErrnoException) => {
    const why = error.code === 'EADDRINUSE' ? `port ${portText} is taken; choose another with --port` : error.message;
    process.stderr.write(`${name}: ${why}\n`);
    process.exit(1);
  });
  server.listen(Number(portText), '127.0.0.1', () => {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : portText;
    process.stdout.write(`ready: ${name} on http://127.0.0.1:${port}\n`);
  });
  const stop = () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(1), drainMs).unref();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

async function answer(incoming: IncomingMessage, response: ServerResponse, handler: Handler): Promise<void> {
  const traceId = traceIdOf(incoming.headers);
  try {
    const reply = await replyTo(incoming, handler);
    send(response, reply.status ?? 200, reply.body, traceId);
  } catch (error) {
    if (!(error instanceof HttpError)) process.stderr.write(`${incoming.method} ${incoming.url}: ${error}\n`);
    const { status, message } = error instanceof HttpError ? error : { status: 500, message: 'internal error' };
    send(response, status, { error: message }, traceId);
  }
}

async function replyTo(incoming: IncomingMessage, handler: Handler): Promise<Reply> {
  const { method = 'GET', url = '/' } = incoming;
  const path = segmentsOf(url);
  const body = await readBody(incoming);
  if (path.length === 1 && path[0] === 'healthz') return { body: { status: 'ok' } };
  const reply = await handler({ method, path, headers: incoming.headers, json: () => parseJson(body) });
  if (!reply) throw new HttpError(404, `there is nothing at ${method} ${url}`);
  return reply;
}

function segmentsOf(url: string): string[] {
  try {
    const { pathname } = new URL(url, 'http://app');
    return pathname.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    throw new HttpError(400, 'the path is not valid');
  }
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new HttpError(413, `the body is larger than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(body: string): unknown {
  if (body === '') return undefined;
  try {
    return JSON.parse(body);
  } catch {
    throw new HttpError(400, 'the body is not JSON');
  }
}

/** The trace that the request belongs to, so that whoever asked can look it up. */
function traceIdOf({ traceparent }: IncomingHttpHeaders): string | undefined {
  return /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(String(traceparent))?.[1];
}

function send(response: ServerResponse, status: number, body: unknown, traceId: string | undefined): void {
  if (response.headersSent || response.destroyed) return;
  const text = `${JSON.stringify(body)}\n`;
  const isRefusedBody = status === 413; // what is left of the body would be read as the next request
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...(traceId ? { 'x-trace-id': traceId } : {}),
    ...(isRefusedBody ? { connection: 'close' } : {}),
  });
  response.end(text);
}
