import { readFile } from 'node:fs/promises';
import { formatIssues, type Issue, underPointer } from '../../shared/errors/problem.ts';
import { readDocuments } from '../../shared/resources/document-stream.ts';
import { readProxy, readResource } from '../../shared/resources/read.ts';
import { checkProxyReferences, checkReferences, PolicyIndex } from '../../shared/resources/references.ts';
import { keyOf, type ResourceKey } from '../../shared/resources/resource.ts';
import type { AnyResource, ProxyDocument } from '../../shared/resources/schema.ts';

export type StaticConfiguration = { readonly proxy: ProxyDocument; readonly resources: readonly AnyResource[] };

/** Reads a static proxy file; throws an Error that lists every fault with its place. */
export async function readStaticFile(path: string): Promise<StaticConfiguration> {
  const documents = readDocuments(await readFile(path, 'utf8'));
  if (!documents.ok) throw faults(path, documents.issues);
  const issues: Issue[] = [];
  const resources = new Map<ResourceKey, AnyResource>();
  const unread: { at: string; document: AnyResource }[] = [];
  let proxy: ProxyDocument | null = null;
  let proxyAt = '';
  documents.value.forEach((document, i) => {
    const at = `/${i}`;
    if ((document as { kind?: unknown } | null)?.kind === 'Proxy') {
      const read = readProxy(document);
      if (!read.ok) issues.push(...underPointer(at, read.issues));
      else if (proxy !== null)
        issues.push({ pointer: at, message: 'a second Proxy document; a file describes one proxy' });
      else {
        proxy = read.value;
        proxyAt = at;
      }
      return;
    }
    const read = readResource(document);
    if (!read.ok) {
      issues.push(...underPointer(at, read.issues));
      return;
    }
    const key = keyOf(read.value);
    if (resources.has(key)) issues.push({ pointer: `${at}/name`, message: `${key} is in the file twice` });
    resources.set(key, { ...read.value, status: { created: i } });
    unread.push({ at, document: read.value });
  });
  const set = {
    get: (key: ResourceKey) => resources.get(key),
    list: (kind: string) => [...resources.values()].filter((resource) => resource.kind === kind),
  };
  const policies = new PolicyIndex(set);
  for (const { at, document } of unread) issues.push(...underPointer(at, checkReferences(document, set, policies)));
  if (proxy !== null) issues.push(...underPointer(proxyAt, checkProxyReferences(proxy, set)));
  if (proxy === null && issues.length === 0)
    issues.push({ pointer: '', message: 'there is no Proxy document that names the listeners' });
  if (issues.length > 0 || proxy === null) throw faults(path, issues);
  return { proxy, resources: [...resources.values()] };
}

function faults(path: string, issues: readonly Issue[]): Error {
  const count = issues.length === 1 ? 'a fault' : `${issues.length} faults`;
  return new Error(`${path} has ${count} (the first number is the document, from 0):\n${formatIssues(issues)}`);
}
