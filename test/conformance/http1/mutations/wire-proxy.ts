import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../harness/free-port.ts';
import type { Owner } from '../../../harness/owner.ts';
import { type RunningProcess, startProcess } from '../../../harness/process.ts';
import { tempFolder } from '../../../harness/temp-folder.ts';

export type WireProxy = {
  readonly process: RunningProcess;
  /** Listeners of both directions. */
  readonly ports: readonly number[];
  /** Sum of all samples of a metric. */
  metric(name: string): Promise<number>;
};

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** Starts the proxy as its users do, with an instance behind every host, and without tries that would repeat a message. */
export async function wireProxy(t: Owner, originPort: number): Promise<WireProxy> {
  const [outbound, inbound, admin] = [await freePort(), await freePort(), await freePort()];
  const documents = [
    {
      kind: 'Proxy',
      name: 'mutations',
      spec: {
        workers: 1,
        admin: { port: admin },
        service: 'app',
        appPort: originPort,
        listeners: [
          { name: 'out', port: outbound, direction: 'outbound' },
          { name: 'in', port: inbound, direction: 'inbound' },
        ],
        drainTimeout: '2s',
      },
    },
    { kind: 'Service', name: 'app' },
    { kind: 'Instance', name: 'app-1', spec: { service: 'app', address: '127.0.0.1', port: originPort } },
    { kind: 'Route', name: 'all', spec: { hostnames: ['*'], rules: [{ backends: [{ service: 'app' }] }] } },
    { kind: 'Policy', name: 'app', spec: { targets: [{ name: 'app' }], retry: { attempts: 0 } } },
  ];
  const file = join(tempFolder(t), 'mutations.yaml');
  writeFileSync(file, documents.map((document) => JSON.stringify(document)).join('\n---\n'));
  const process_ = await startProcess({
    command: process.execPath,
    args: [join(root, 'cli', 'main.mjs'), 'proxy', '--config', file],
    cwd: root,
    t,
    ready: /^ready: /,
  });
  const metric = async (name: string) => {
    const page = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
    const samples = [...page.matchAll(new RegExp(`^${name}(?:\\{[^\\n]*\\})? (\\S+)$`, 'gm'))];
    if (samples.length === 0) throw new Error(`there is no metric ${name}`);
    return samples.reduce((sum, [, value]) => sum + Number(value), 0);
  };
  return { process: process_, ports: [outbound, inbound], metric };
}
