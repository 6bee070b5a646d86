import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { type CommandResult, runCommand } from '../harness/run-command.ts';

export const chartFolder = fileURLToPath(new URL('../../charts/meshlane', import.meta.url));

/** Just as much of a manifest as the tests look at. */
export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
};

export type PodSpec = {
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
};

export type Container = {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly command?: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly resources: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly livenessProbe?: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly readinessProbe?: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly startupProbe?: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly lifecycle?: unknown;
};

/** One way to install: values files of the chart and `--set-json` assignments. */
export type Values = { readonly files?: readonly string[]; readonly set?: Readonly<Record<string, unknown>> };

function flagsOf({ files = [], set = {} }: Values): readonly string[] {
  return [
    ...files.flatMap((file) => ['--values', join(chartFolder, file)]),
    ...Object.entries(set).flatMap(([path, value]) => ['--set-json', `${path}=${JSON.stringify(value)}`]),
  ];
}

export function lint(helm: string, values: Values): Promise<CommandResult> {
  return runCommand(helm, ['lint', '--strict', chartFolder, ...flagsOf(values)]);
}

/** The text that `helm template` prints for release "demo" in namespace "mesh". */
export function template(
  helm: string,
  values: Values,
  folder = chartFolder,
  more: readonly string[] = [],
): Promise<CommandResult> {
  return runCommand(helm, ['template', 'demo', folder, '--namespace', 'mesh', ...flagsOf(values), ...more]);
}

/** The manifests of one way to install. Throws what Helm says when it refuses. */
export async function render(helm: string, values: Values = {}, more: readonly string[] = []): Promise<Manifests> {
  const { code, stdout, stderr } = await template(helm, values, chartFolder, more);
  if (code !== 0) throw new Error(stderr);
  const documents = parseAllDocuments(stdout, { uniqueKeys: true });
  for (const { errors } of documents) if (errors[0]) throw errors[0];
  return new Manifests(
    documents.map((document) => document.toJS() as Manifest).filter((manifest) => manifest !== null),
  );
}

export class Manifests {
  readonly all: readonly Manifest[];

  constructor(all: readonly Manifest[]) {
    this.all = all;
  }

  find(kind: string, name: string): Manifest | undefined {
    return this.all.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  }

  get(kind: string, name: string): Manifest {
    const manifest = this.find(kind, name);
    const have = this.all.map((one) => `${one.kind}/${one.metadata.name}`).join(', ');
    if (!manifest) throw new Error(`there is no ${kind}/${name}; there are ${have}`);
    return manifest;
  }

  /** Every pod that would run, by the name of what makes it. */
  pods(): readonly (readonly [name: string, pod: PodSpec])[] {
    return this.all.flatMap(({ kind, metadata, spec }) => {
      if (kind === 'Pod') return [[metadata.name, spec as unknown as PodSpec]];
      const inner = (spec as { template?: { spec?: PodSpec } } | undefined)?.template?.spec;
      return inner ? [[metadata.name, inner]] : [];
    });
  }

  container(kind: string, name: string): Container {
    const { template: pod } = this.get(kind, name).spec as { template: { spec: PodSpec } };
    return pod.spec.containers[0]!;
  }
}
