import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Command, readInvocation } from '../../cli/command.ts';
import { readAccessRules } from '../../controlplane/access/access-file.ts';
import { freePort } from '../harness/free-port.ts';
import { type PeerName, peer, skipWithout } from '../harness/peers.ts';
import { startProcess } from '../harness/process.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { chartFolder, lint, type Manifest, type Manifests, render, template, type Values } from './helm.ts';

const installations: Readonly<Record<string, Values>> = {
  'by default': {},
  'for high availability': { files: ['values-ha.yaml'] },
  'on an etcd that is there': {
    set: { 'etcd.external': { endpoints: ['etcd-a:2379', '[fd00::1]:2379'], prefix: 'shop' } },
  },
  'with everything on': {
    files: ['values-ha.yaml'],
    set: {
      'jaeger.enabled': true,
      'controlPlane.autoscaling.enabled': true,
      'networkPolicy.apiFrom': [{ namespaceSelector: { matchLabels: { team: 'mesh' } } }],
      imagePullSecrets: [{ name: 'mine' }],
    },
  },
  'with nothing but the control plane': {
    set: { 'collector.enabled': false, 'serviceAccount.create': false, 'etcd.external.endpoints': ['etcd-a:2379'] },
  },
};

const refusals: readonly [set: Record<string, unknown>, named: RegExp][] = [
  [{ 'controlPlane.replica': 3 }, /controlPlane.*replica/],
  [{ colector: {} }, /colector/],
  [{ 'controlPlane.replicas': 'three' }, /controlPlane[./]replicas/],
  [{ 'controlPlane.replicas': 0 }, /controlPlane[./]replicas/],
  [{ 'etcd.replicas': 2 }, /etcd[./]replicas/],
  [{ 'etcd.external.endpoints': ['http://etcd:2379'] }, /etcd[./]external[./]endpoints[./]0/],
  [{ 'collector.export': 'jaeger:4317' }, /collector[./]export/],
  [{ 'image.digest': 'latest' }, /image[./]digest/],
  [{ 'collector.resources': { request: { cpu: 1 } } }, /collector[./]resources.*request/],
  [
    { 'controlPlane.autoscaling': { enabled: true, minReplicas: 6, maxReplicas: 5 } },
    /controlPlane\.autoscaling\.minReplicas is 6, above maxReplicas, 5/,
  ],
  [
    { 'controlPlane.access.tokens': [{ name: 'ci', sha256: 'secret', role: 'admin' }] },
    /access[./]tokens[./]0[./]sha256/,
  ],
  [{ 'controlPlane.access.identities': [{ match: 'a', role: 'boss' }] }, /access[./]identities[./]0[./]role/],
  [{ 'collector.resources.limits.memory': 'much' }, /collector[./]resources[./]limits[./]memory/],
];

const restricted = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

const helms: readonly PeerName[] = ['helm3', 'helm4'];
for (const name of helms) {
  t.test(name, await skipWithout(name), async (t) => {
    const helm = (await peer(name))!;

    for (const [title, values] of Object.entries(installations)) {
      t.test(`lints ${title}`, async (t) => {
        const { code, stdout, stderr } = await lint(helm, values);
        t.equal(code, 0, stdout + stderr);
        t.match(stdout, /1 chart\(s\) linted, 0 chart\(s\) failed/);
      });

      t.test(`renders ${title}: each object once, in its namespace, found by its Service`, async (t) => {
        const manifests = await render(helm, values);
        const names = manifests.all.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
        t.strictSame([...new Set(names)], names);
        for (const { kind, metadata } of manifests.all) t.equal(metadata.namespace, 'mesh', `${kind}/${metadata.name}`);
        for (const service of manifests.all.filter(({ kind }) => kind === 'Service'))
          checkService(t, manifests, service);
      });

      t.test(`pods have nobody's rights ${title}`, async (t) => {
        const pods = (await render(helm, values)).pods();
        t.ok(pods.length >= 2);
        for (const [podName, pod] of pods) {
          t.equal(pod.automountServiceAccountToken, false, podName);
          t.match(
            pod.securityContext,
            { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
            podName,
          );
          for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
            t.strictSame(container.securityContext, restricted, `${podName}/${container.name}`);
            t.match(
              container.resources,
              { requests: { cpu: String, memory: String }, limits: { memory: String } },
              podName,
            );
          }
        }
      });
    }

    t.test('runs our processes with flags they know, on ports they open', async (t) => {
      const manifests = await render(helm);
      const controlPlane = manifests.container('Deployment', 'demo-meshlane-control-plane');
      t.strictSame(await flagsOf(controlPlane.args), {
        api: '0.0.0.0:15080',
        push: '0.0.0.0:15010',
        store: 'etcd://demo-meshlane-etcd-0.demo-meshlane-etcd.mesh.svc:2379',
        access: '/etc/meshlane/access/access.yaml',
        'tls-cert': '/etc/meshlane/tls/tls.crt',
        'tls-key': '/etc/meshlane/tls/tls.key',
        'audit-log': '-',
      });
      t.strictSame(
        controlPlane.ports.map(({ containerPort }) => containerPort),
        [15080, 15010],
      );
      const collector = manifests.container('Deployment', 'demo-meshlane-collector');
      t.match(await flagsOf(collector.args), {
        'otlp-grpc': '0.0.0.0:4317',
        'otlp-http': '0.0.0.0:4318',
        http: '0.0.0.0:15090',
        export: undefined,
      });
      t.strictSame(
        collector.ports.map(({ containerPort }) => containerPort),
        [4317, 4318, 15090],
      );
    });

    t.test('asks for life at /healthz and for readiness at /readyz', async (t) => {
      const manifests = await render(helm);
      for (const [part, port, scheme] of [
        ['control-plane', 'api', 'HTTPS'],
        ['collector', 'http', 'HTTP'],
      ] as const) {
        const container = manifests.container('Deployment', `demo-meshlane-${part}`);
        t.strictSame(container.startupProbe?.httpGet, { path: '/healthz', port, scheme }, part);
        t.strictSame(container.livenessProbe?.httpGet, { path: '/healthz', port, scheme }, part);
        t.strictSame(container.readinessProbe?.httpGet, { path: '/readyz', port, scheme }, part);
      }
    });

    t.test('keeps spans flowing to Jaeger, or to wherever it is told', async (t) => {
      const exportOf = async (set: Record<string, unknown>) =>
        (await flagsOf((await render(helm, { set })).container('Deployment', 'demo-meshlane-collector').args))[
          'export'
        ];
      t.equal(await exportOf({ 'jaeger.enabled': true }), 'grpc://demo-meshlane-jaeger.mesh.svc:4317');
      const elsewhere = { 'jaeger.enabled': true, 'collector.export': 'https://traces.example/otlp' };
      t.equal(await exportOf(elsewhere), 'https://traces.example/otlp');
    });

    t.test('budgets disruption as soon as there are replicas', async (t) => {
      const one = await render(helm);
      t.equal(
        one.all.some(({ kind }) => kind === 'PodDisruptionBudget'),
        false,
      );
      const three = await render(helm, { files: ['values-ha.yaml'] });
      for (const part of ['control-plane', 'etcd'])
        t.match(three.get('PodDisruptionBudget', `demo-meshlane-${part}`).spec, { maxUnavailable: 1 }, part);
      t.equal(three.get('Deployment', 'demo-meshlane-control-plane').spec['replicas'], 3);
    });

    t.test('leaves the number of replicas to the autoscaler when there is one', async (t) => {
      const manifests = await render(helm, { set: { 'controlPlane.autoscaling.enabled': true } });
      t.equal('replicas' in manifests.get('Deployment', 'demo-meshlane-control-plane').spec, false);
      t.match(manifests.get('HorizontalPodAutoscaler', 'demo-meshlane-control-plane').spec, {
        scaleTargetRef: { kind: 'Deployment', name: 'demo-meshlane-control-plane' },
        minReplicas: 2,
      });
      t.ok(manifests.find('PodDisruptionBudget', 'demo-meshlane-control-plane'));
    });

    t.test('labels of pods are added to its own, which stay as they are', async (t) => {
      const podLabels = { team: 'mesh', 'app.kubernetes.io/name': 'other' };
      const manifests = await render(helm, {
        set: { 'controlPlane.podLabels': podLabels, 'collector.podLabels': podLabels, 'etcd.podLabels': podLabels },
      });
      const wanted = { team: 'mesh', 'app.kubernetes.io/name': 'meshlane', 'app.kubernetes.io/instance': 'demo' };
      for (const [kind, part] of [
        ['Deployment', 'control-plane'],
        ['Deployment', 'collector'],
        ['StatefulSet', 'etcd'],
      ] as const) {
        const { template: pod } = manifests.get(kind, `demo-meshlane-${part}`).spec as {
          template: { metadata: { labels: Record<string, string> } };
        };
        t.match(pod.metadata.labels, wanted, part);
      }
    });

    t.test('its etcd takes as many resources at once as the API does', async (t) => {
      const args = (await render(helm)).container('StatefulSet', 'demo-meshlane-etcd').args;
      t.ok(args?.includes('--max-txn-ops=10001'));
    });

    t.test('uses an etcd that is there and installs none beside it', async (t) => {
      const manifests = await render(helm, installations['on an etcd that is there']);
      t.equal(
        manifests.all.some(({ kind }) => kind === 'StatefulSet'),
        false,
      );
      const { store } = await flagsOf(manifests.container('Deployment', 'demo-meshlane-control-plane').args);
      t.equal(store, 'etcd://etcd-a:2379,[fd00::1]:2379/shop');
    });

    t.test('its etcd knows every member, and the control plane calls each', async (t) => {
      const manifests = await render(helm, { files: ['values-ha.yaml'] });
      const { store } = await flagsOf(manifests.container('Deployment', 'demo-meshlane-control-plane').args);
      const hosts = [0, 1, 2].map((member) => `demo-meshlane-etcd-${member}.demo-meshlane-etcd.mesh.svc`);
      t.equal(store, `etcd://${hosts.map((host) => `${host}:2379`).join(',')}`);
      const cluster = hosts.map((host, member) => `demo-meshlane-etcd-${member}=http://${host}:2380`).join(',');
      t.ok(manifests.container('StatefulSet', 'demo-meshlane-etcd').args?.includes(`--initial-cluster=${cluster}`));
      t.match(manifests.get('StatefulSet', 'demo-meshlane-etcd').spec, {
        serviceName: 'demo-meshlane-etcd',
        volumeClaimTemplates: [
          { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '8Gi' } } } },
        ],
      });
      t.match(manifests.get('Service', 'demo-meshlane-etcd').spec, {
        clusterIP: 'None',
        publishNotReadyAddresses: true,
      });
    });

    t.test('the network policy lets only the control plane and its members to etcd', async (t) => {
      const manifests = await render(helm, { files: ['values-ha.yaml'] });
      const { ingress } = manifests.get('NetworkPolicy', 'demo-meshlane-etcd').spec as {
        ingress: { ports: { port: string }[]; from?: { podSelector: { matchLabels: Record<string, string> } }[] }[];
      };
      const who = Object.fromEntries(
        ingress.map(({ ports, from }) => [
          ports[0]!.port,
          from?.map(({ podSelector }) => podSelector.matchLabels['app.kubernetes.io/component']) ?? 'everybody',
        ]),
      );
      t.strictSame(who, { client: ['control-plane', 'etcd'], peer: ['etcd'], metrics: 'everybody' });
    });

    t.test('lets callers leave first where Kubernetes can wait', async (t) => {
      const container = async (version: string) =>
        (await render(helm, {}, ['--kube-version', version])).container('Deployment', 'demo-meshlane-control-plane');
      t.match(await container('1.34.0'), { lifecycle: { preStop: { sleep: { seconds: 5 } } } });
      t.equal((await container('1.29.0')).lifecycle, undefined);
    });

    t.test('takes the image of its own version, or the one that is pinned', async (t) => {
      const { appVersion } = appVersionOf();
      const image = async (set: Record<string, unknown>) =>
        (await render(helm, { set })).container('Deployment', 'demo-meshlane-control-plane').image;
      t.equal(await image({}), `ghcr.io/meshlane/meshlane:${appVersion}`);
      t.equal(await image({ 'image.tag': 'next' }), 'ghcr.io/meshlane/meshlane:next');
      const digest = `sha256:${'a'.repeat(64)}`;
      t.equal(await image({ 'image.tag': 'next', 'image.digest': digest }), `ghcr.io/meshlane/meshlane@${digest}`);
    });

    t.test('has a test that asks every part whether it is ready', async (t) => {
      const { spec, metadata } = (await render(helm)).get('Pod', 'demo-meshlane-test') as Manifest & {
        metadata: { annotations: Record<string, string> };
        spec: { containers: { command: string[] }[] };
      };
      t.equal(metadata.annotations['helm.sh/hook'], 'test');
      const urls = spec.containers[0]!.command.slice(3);
      t.strictSame(urls, [
        'https://demo-meshlane-control-plane:15080/readyz',
        'http://demo-meshlane-collector:15090/readyz',
      ]);
    });

    t.test('comes up with secrets of its own, which a control plane can use', async (t) => {
      const tokens = [{ name: 'ci', sha256: 'a'.repeat(64), role: 'editor', namespaces: ['shop'] }];
      const identities = [{ match: 'spiffe://mesh/ns/*/sa/*', role: 'workload' }];
      const manifests = await render(helm, {
        set: { 'controlPlane.access': { tokens, identities }, 'controlPlane.tls.clientCertificates': true },
      });
      const secret = (part: string) =>
        manifests.get('Secret', `demo-meshlane-control-plane-${part}`) as Manifest & {
          data: Record<string, string>;
          stringData: Record<string, string>;
        };
      const decoded = (part: string, key: string) => Buffer.from(secret(part).data[key]!, 'base64').toString();
      const rules = readAccessRules(secret('access').stringData['access.yaml']!);
      t.match(rules, { ok: true, value: { tokens: [{ name: 'admin' }, { name: 'sidecars' }, { name: 'ci' }] } });
      for (const [i, key] of ['admin', 'sidecars'].entries()) {
        const token = decoded('tokens', key);
        t.ok(token.length >= 43, key);
        t.same(rules.ok && rules.value.tokens[i]!.sha256, createHash('sha256').update(token).digest(), key);
      }
      const certificate = new X509Certificate(decoded('tls', 'tls.crt'));
      t.ok(certificate.checkPrivateKey(createPrivateKey(decoded('tls', 'tls.key'))));
      t.ok(certificate.verify(new X509Certificate(decoded('tls', 'ca.crt')).publicKey));
      t.ok(certificate.checkHost('demo-meshlane-control-plane.mesh.svc'));
      t.ok(certificate.checkIP('127.0.0.1'), 'for kubectl port-forward');
      const flags = await flagsOf(manifests.container('Deployment', 'demo-meshlane-control-plane').args);
      t.equal(flags['client-ca'], '/etc/meshlane/tls/ca.crt');
    });

    t.test('uses secrets that are there and makes none beside them', async (t) => {
      const manifests = await render(helm, {
        set: { 'controlPlane.access.existingSecret': 'my-access', 'controlPlane.tls.existingSecret': 'my-tls' },
      });
      t.equal(
        manifests.all.some(({ kind }) => kind === 'Secret'),
        false,
      );
      const { template: pod } = manifests.get('Deployment', 'demo-meshlane-control-plane').spec as {
        template: { spec: { volumes: { name: string; secret?: { secretName: string } }[] } };
      };
      const secrets = pod.spec.volumes.flatMap(({ secret }) => secret?.secretName ?? []);
      t.strictSame(secrets.sort(), ['my-access', 'my-tls']);
    });

    for (const [set, named] of refusals)
      t.test(`refuses ${JSON.stringify(set)} and names the field`, async (t) => {
        const { code, stderr } = await template(helm, { set });
        t.not(code, 0);
        t.match(stderr, named);
      });

    t.test('its notes tell what runs, how to reach it, and what is not there yet', async (t) => {
      // Helm shows notes only when it installs; in a copy of the chart a manifest can quote them.
      const copy = tempFolder(t);
      cpSync(chartFolder, copy, { recursive: true });
      const quote = '{{ include (print $.Template.BasePath "/NOTES.txt") . | toYaml }}';
      writeFileSync(join(copy, 'templates', 'quote.yaml'), `notes: ${quote}\n`);
      const notes = (await template(helm, { set: { 'jaeger.enabled': true } }, copy)).stdout;
      for (const part of ['control-plane', 'collector', 'jaeger', 'etcd']) t.match(notes, `demo-meshlane-${part}`);
      t.match(notes, 'port-forward service/demo-meshlane-control-plane 15080');
      t.match(notes, 'port-forward service/demo-meshlane-collector 15090');
      t.match(notes, /Injection of sidecars .* interception .* are not part of this version/s);
    });
  });
}

t.test('etcd takes the flags of the chart and answers its probes', await skipWithout('helm4', 'etcd'), async (t) => {
  const container = (await render((await peer('helm4'))!)).container('StatefulSet', 'demo-meshlane-etcd');
  const [client, peerPort, metrics] = [await freePort(), await freePort(), await freePort()];
  const host = 'demo-meshlane-etcd-0.demo-meshlane-etcd.mesh.svc';
  const args = container.args!.map((arg) =>
    arg
      .replaceAll('$(POD_NAME)', 'demo-meshlane-etcd-0')
      .replaceAll(host, '127.0.0.1')
      .replaceAll('0.0.0.0', '127.0.0.1')
      .replaceAll(':2379', `:${client}`)
      .replaceAll(':2380', `:${peerPort}`)
      .replaceAll(':2381', `:${metrics}`)
      .replace('/var/lib/etcd', tempFolder(t)),
  );
  await startProcess({ t, command: (await peer('etcd'))!, args, ready: /ready to serve client requests/ });
  for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe])
    await until(async () => (await fetch(`http://127.0.0.1:${metrics}${probe!.httpGet.path}`)).ok, {
      what: probe!.httpGet.path,
    });
});

t.test('the image runs the commands of the chart as a user without rights', async (t) => {
  const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
  const lastStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  t.match(lastStage, /^USER 65532:65532$/m);
  t.match(lastStage, /^ENTRYPOINT \["node", "cli\/main\.m?[jt]s"\]$/m);
  const copied = [...lastStage.matchAll(/^COPY .*?([a-z]+) \.\/\1$/gm)].map(([, folder]) => folder);
  t.strictSame(copied.sort(), ['cli', 'controlplane', 'dataplane', 'examples', 'observability', 'shared']);
});

function checkService(t: Tap, manifests: Manifests, { metadata, spec }: Manifest): void {
  const { selector, ports } = spec as { selector: Record<string, string>; ports: { targetPort: string }[] };
  const owners = manifests.all.filter(({ spec: owner }) => {
    const labels = (owner as { template?: { metadata: { labels: Record<string, string> } } } | undefined)?.template
      ?.metadata.labels;
    return labels && Object.entries(selector).every(([key, value]) => labels[key] === value);
  });
  t.equal(owners.length, 1, `${metadata.name} finds the pods of one owner`);
  const names = manifests.container(owners[0]!.kind, owners[0]!.metadata.name).ports.map(({ name }) => name);
  for (const { targetPort } of ports) t.ok(names.includes(targetPort), `${metadata.name} leads to port ${targetPort}`);
}

type Tap = Pick<typeof t, 'equal' | 'ok'>;

/** Reads a container's arguments as our command line does; throws when it would refuse them. */
async function flagsOf(args: readonly string[] = []): Promise<Record<string, string | undefined>> {
  const [name, ...rest] = args;
  const { command } = (await import(`../../cli/commands/${name}.ts`)) as { command: Command };
  const invocation = readInvocation(command, rest, {});
  if (invocation === 'help') throw new Error('asks for help');
  const given = rest.filter((word) => word.startsWith('--')).map((word) => word.slice(2));
  return Object.fromEntries(given.map((flag) => [flag, invocation.flag(flag)]));
}

function appVersionOf(): { appVersion: string } {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return { appVersion: version };
}
