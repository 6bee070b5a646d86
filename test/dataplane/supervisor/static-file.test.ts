import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readStaticFile } from '../../../dataplane/supervisor/static-file.ts';
import { tempFolder } from '../../harness/temp-folder.ts';

t.test('the service that a listener names must be in the file', async (t) => {
  const file = join(tempFolder(t), 'edge.yaml');
  const write = (name: string) =>
    writeFileSync(
      file,
      `kind: Service
name: db
spec: { protocol: tcp }
---
kind: Proxy
name: edge
spec: { listeners: [{ name: out, port: 0, protocol: tcp, service: ${name} }] }
`,
    );
  write('db');
  t.match(await readStaticFile(file), { resources: [{ name: 'db' }] });
  write('dc');
  await t.rejects(readStaticFile(file), {
    message: /\n.*\/1\/spec\/listeners\/0\/service: service "dc" does not exist/,
  });
});
