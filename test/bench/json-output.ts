import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { meshlaneVersion } from './start-meshlane.ts';

/** Where it ran, so that figures of two files can be told apart. */
export async function describeRun(): Promise<object> {
  const [cpu] = cpus();
  return {
    at: new Date().toISOString(),
    meshlane: await meshlaneVersion(),
    machine: {
      cpu: cpu?.model.trim() ?? 'unknown',
      cpus: cpus().length,
      memoryBytes: totalmem(),
      kernel: release(),
      node: process.version,
    },
  };
}

/** Writes the picture of a document beside it; none when the document goes to stdout. */
export function writePicture(jsonFile: string, svg: string): void {
  if (jsonFile !== '-') writeFileSync(`${jsonFile.replace(/\.json$/, '')}.svg`, svg);
}

/** Writes the document to a file, or to stdout when the file is `-`. */
export function writeJson(file: string, document: object): void {
  const text = `${JSON.stringify(document, null, 2)}\n`;
  if (file === '-') process.stdout.write(text);
  else writeFileSync(file, text);
}
