// Writes the files that are made from the schemas. A test fails when they are not what this would write.
import { writeFileSync } from 'node:fs';
import { generatedFiles } from '../shared/resources/generated-files.ts';

for (const { path, text } of generatedFiles()) {
  writeFileSync(path, text);
  process.stdout.write(`wrote ${path}\n`);
}
