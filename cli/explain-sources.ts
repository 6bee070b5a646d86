import { type Address, formatAddress } from '../shared/discovery/address.ts';
import { formatIssues, type Issue } from '../shared/errors/problem.ts';
import { request } from '../shared/http/undici.ts';
import { readProxy, readResource } from '../shared/resources/read.ts';
import { kinds } from '../shared/resources/resource.ts';
import type { AnyResource } from '../shared/resources/schema.ts';
import type { Explanation } from '../shared/routing/explain/explanation.ts';
import { type Workload, workloadOf } from '../shared/routing/source.ts';
import type { ApiClient } from './api-client.ts';
import { documentInWords, readFileDocuments } from './document-files.ts';

const timeoutMs = 10_000;

/** What a request is explained from, and who calls as far as that is said there. */
export type Mesh = { readonly resources: readonly AnyResource[]; readonly caller: Workload | null };

/** Reads resources, and the caller from a Proxy document among them; throws an Error with every fault. */
export async function meshOfFiles(files: readonly string[]): Promise<Mesh> {
  const documents = await readFileDocuments(files);
  const resources: AnyResource[] = [];
  const faults: Issue[] = [];
  let caller: Workload | null = null;
  for (const [i, document] of documents.entries()) {
    const isProxy = (document as { kind?: unknown } | null)?.kind === 'Proxy';
    const read = isProxy ? readProxy(document) : readResource(document);
    if (!read.ok)
      faults.push(
        ...read.issues.map((issue) => ({ ...issue, pointer: `${documentInWords(i, documents)} ${issue.pointer}` })),
      );
    else if (read.value.kind === 'Proxy') caller ??= workloadOf(read.value);
    else resources.push({ ...read.value, status: { created: i } });
  }
  if (faults.length > 0) throw new Error(`${files.join(', ')} cannot be used:\n${formatIssues(faults)}`);
  return { resources, caller };
}

export async function meshOfControlPlane(client: ApiClient): Promise<Mesh> {
  const lists = await Promise.all(kinds.map((kind) => client.list(kind)));
  return { resources: lists.flat(), caller: null };
}

/** A request as it was asked for, in the words of the command line. */
export type Question = { readonly method: string; readonly url: string; readonly fields: readonly string[] };

/** What a running proxy says by its admin port. */
export async function explainByProxy(admin: Address, { method, url, fields }: Question): Promise<Explanation> {
  const base = `http://${formatAddress(admin)}`;
  const query = new URLSearchParams([['method', method], ['url', url], ...fields.map((field) => ['header', field])]);
  const options = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
  const reply = await request(`${base}/explain?${query}`, options).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`no proxy answers at ${base} (${error.code ?? error.message}); --proxy is its admin address`);
  });
  const text = await reply.body.text();
  if (reply.statusCode === 200) return JSON.parse(text) as Explanation;
  throw new Error(`${base} answered ${reply.statusCode}: ${text.trim()}`);
}
