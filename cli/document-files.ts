import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { formatIssues } from '../shared/errors/problem.ts';
import { readDocuments } from '../shared/resources/document-stream.ts';

/** The documents of some files, one after another; - is standard input. Throws an Error for a file that has none. */
export async function readFileDocuments(files: readonly string[]): Promise<unknown[]> {
  const documents = (await Promise.all(files.map(readOne))).flat();
  if (documents.length === 0) throw new Error(`there is no document in ${files.join(', ')}`);
  return documents;
}

async function readOne(file: string): Promise<unknown[]> {
  let content: string;
  try {
    content = file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read ${file}: ${(error as Error).message}`);
  }
  const read = readDocuments(content);
  if (read.ok) return read.value.flatMap(itemsOf);
  throw new Error(`${file === '-' ? 'standard input' : file} is not YAML or JSON\n${formatIssues(read.issues)}`);
}

/** What `meshlane get KIND -o json` printed can be read again. */
function itemsOf(document: unknown): unknown[] {
  const { kind, items } = (document ?? {}) as { kind?: unknown; items?: unknown };
  return kind === undefined && Array.isArray(items) ? items : [document];
}

/** The document of a pointer's first number, as people know it: `document 2 (Route/checkout)`. */
export function documentInWords(index: number, documents: readonly unknown[]): string {
  const { kind, name } = (documents[index] ?? {}) as { kind?: unknown; name?: unknown };
  const known = typeof kind === 'string' && typeof name === 'string' ? ` (${kind}/${name})` : '';
  return `document ${index + 1}${known}`;
}
