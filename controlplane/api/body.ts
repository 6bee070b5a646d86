/**
 * Reads request bodies. JSON goes through `JSON.parse` alone, so that fields such as `__proto__` reach the reader of
 * resources and are refused there with a pointer, instead of being dropped or hidden on the way.
 */
import { type FastifyInstance, ProblemError, plainProblem } from '../../shared/http/fastify.ts';
import { readDocuments } from '../../shared/resources/document-stream.ts';
import { invalid } from './refusal.ts';

export const bodyLimitBytes = 8 * 1024 * 1024;
/** YAML costs some fifty times the time of JSON to read. */
const yamlLimitBytes = 1024 * 1024;
const deepest = 64;

/** The documents of a YAML stream, told from a JSON value. */
export class YamlStream {
  readonly documents: readonly unknown[];

  constructor(documents: readonly unknown[]) {
    this.documents = documents;
  }
}

export function takeBodies(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  const yaml = ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml'];
  server.addContentTypeParser(
    /^application\/([\w.-]+\+)?json\b/,
    { parseAs: 'buffer', bodyLimit: bodyLimitBytes },
    (_request, body, done) => {
      settle(done, () => readJson(textOf(body as unknown as Buffer)));
    },
  );
  server.addContentTypeParser(yaml, { parseAs: 'buffer', bodyLimit: yamlLimitBytes }, (_request, body, done) => {
    settle(done, () => readYaml(textOf(body as unknown as Buffer)));
  });
  server.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    done(
      new ProblemError(
        plainProblem(415, 'send application/json or application/yaml (curl: -H "content-type: application/yaml")'),
      ),
    );
  });
}

function settle(done: (error: Error | null, body?: unknown) => void, read: () => unknown): void {
  let body: unknown;
  try {
    body = read();
  } catch (error) {
    done(error as Error);
    return;
  }
  done(null, body);
}

function textOf(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new ProblemError(invalid('the body is not UTF-8'));
  }
}

function readJson(text: string): unknown {
  if (text === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ProblemError(invalid(`the body is not JSON: ${(error as Error).message}`));
  }
  mustBeShallow(value);
  return value;
}

function readYaml(text: string): YamlStream {
  let read: ReturnType<typeof readDocuments>;
  try {
    read = readDocuments(text);
  } catch (error) {
    // The reader is recursive, and so has a depth at which it gives up.
    throw new ProblemError(invalid(`the body cannot be read as YAML: ${(error as Error).message}`));
  }
  if (!read.ok) throw new ProblemError(invalid('the body is not YAML', read.issues));
  mustBeShallow(read.value);
  return new YamlStream(read.value);
}

/** No resource is nested deeper, and what is could exhaust the stack of whoever walks it. */
function mustBeShallow(value: unknown): void {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest) throw new ProblemError(invalid(`the body is nested more than ${deepest} levels deep`));
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
}
