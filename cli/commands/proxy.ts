import { hostname } from 'node:os';
import { startProxy } from '../../dataplane/supervisor/proxy.ts';
import type { StaticConfiguration } from '../../dataplane/supervisor/static-file.ts';
import { logTo } from '../../observability/logging/log.ts';
import { type Address, formatAddress, parseAddress } from '../../shared/discovery/address.ts';
import { formatIssues } from '../../shared/errors/problem.ts';
import { readProxy, readResource } from '../../shared/resources/read.ts';
import type { InstanceResource, ProxyDocument } from '../../shared/resources/schema.ts';
import { type Command, type Invocation, UsageError } from '../command.ts';
import { credentialOptions, credentialsOf } from '../credential-flags.ts';
import { labelsOf } from '../labels-flag.ts';
import { limitsOf } from '../limits-flag.ts';
import { untilStopped } from '../until-stopped.ts';
import { version } from '../version.ts';

export const command: Command = {
  name: 'proxy',
  summary: 'A sidecar proxy: carries the traffic of one workload by the rules of the mesh.',
  options: {
    config: { value: 'FILE', text: 'Static resources and one Proxy document; no control plane.' },
    'control-plane': {
      value: 'HOST:PORT,...',
      text: 'Push address of the control plane, such as 127.0.0.1:15010; of each replica when it has several.',
    },
    ...credentialOptions,
    service: { value: 'NAME', text: 'The service this workload is an instance of.' },
    'app-port': { value: 'PORT', text: 'Where the application listens; registers the instance.' },
    'app-address': { value: 'HOST', default: '127.0.0.1', text: 'Host of the application.' },
    outbound: { value: 'HOST:PORT', default: '127.0.0.1:15001', text: 'Where the application sends its calls.' },
    inbound: { value: 'HOST:PORT', default: '127.0.0.1:15006', text: 'Where other sidecars send theirs.' },
    admin: { value: 'HOST:PORT', default: '127.0.0.1:15000', text: 'Health, metrics, snapshot, drain.' },
    advertise: { value: 'HOST', text: 'Address others reach the inbound port by; the inbound host if not given.' },
    name: {
      value: 'NAME',
      text: 'Name of this sidecar and its instance; made of service, host and port if not given.',
    },
    trust: {
      value: 'RANGE,RANGE',
      text: 'Proxies whose X-Forwarded fields the inbound port believes, such as 10.0.0.0/8.',
    },
    underscores: { value: 'drop|refuse|allow', default: 'drop', text: 'Request fields with "_" in their name.' },
    connect: { text: 'Takes CONNECT on the outbound port: tunnels to instances of services.' },
    limits: {
      value: 'NAME=VALUE,...',
      text: 'Limits of the Proxy document, such as headTimeout=5s,bodyBytes=1000000. See docs/limits.md',
    },
    labels: { value: 'K=V,K=V', text: 'Labels of the instance and of this workload as a caller, such as version=v2.' },
    namespace: { value: 'NAME', text: 'Namespace of this workload, for routes with a source.' },
    zone: {
      value: 'NAME',
      text: 'Zone this workload runs in, such as eu-1a: instances there are preferred, and its own has it as a label.',
    },
    weight: { value: 'N', default: '1', text: 'Part of the requests that the instance takes, 1 to 1000.' },
    lease: { value: 'SECONDS', default: '15', text: 'The instance leaves the mesh after so long without a heartbeat.' },
    workers: { value: 'N', text: 'Worker threads. [1, or what the file says]' },
    state: { value: 'DIR', default: 'meshlane-state', text: 'Keeps the last good snapshot, to start from.' },
    otlp: { value: 'URL', text: 'OTLP/HTTP endpoint for spans, such as http://127.0.0.1:4318.' },
    sample: { value: 'RATIO', text: 'Share of traces that begin here and are kept, 0 to 1. [0.01]' },
  },
  details: [
    'Examples:',
    '  meshlane proxy --config edge.yaml',
    '  meshlane proxy --control-plane 127.0.0.1:15010 --service product --app-port 8080',
    '',
    'SIGTERM drains: no new connections, open requests end. A second one stops at once.',
  ].join('\n'),
  run,
};

/** With `--config` the file says these; `--state` is only used with a control plane. */
const saidByFile = [
  ...['service', 'app-port', 'app-address', 'outbound', 'inbound', 'admin', 'advertise', 'name'],
  ...['trust', 'underscores', 'connect', 'labels', 'namespace', 'zone', 'weight', 'lease', 'state'],
];

async function run(invocation: Invocation): Promise<number> {
  const log = logTo(process.stderr, 'proxy');
  const file = invocation.flag('config');
  const controlPlane = invocation.flag('control-plane');
  if ((file === undefined) === (controlPlane === undefined))
    throw new UsageError('give either --config FILE or --control-plane HOST:PORT. See: meshlane proxy --help');
  const idle = file === undefined ? undefined : saidByFile.find((name) => invocation.isSet(name));
  if (idle !== undefined) throw new UsageError(`--${idle} does nothing with --config: the file says it all`);
  const credentials = credentialsOf(invocation);
  const configuration = file === undefined ? fromFlags(invocation) : withFlags(await fromFile(file), invocation);
  const { proxy } = configuration;

  let crashed: Error | null = null;
  const stop = untilStopped();
  const running = await startProxy({
    ...configuration,
    controlPlane:
      controlPlane === undefined
        ? null
        : {
            address: controlPlane
              .split(',')
              .map((one) => formatAddress(parseAddress(one, '--control-plane')))
              .join(','),
            stateFolder: invocation.flag('state')!,
            credentials,
            instanceAt: (inbound) => instanceOf(invocation, proxy, inbound),
          },
    version,
    log,
    onCrash: (error) => {
      crashed = error;
      stop.now();
    },
  });
  const places = [...running.listeners].map(([name, address]) => `${name} ${formatAddress(address)}`);
  if (running.admin) places.push(`admin http://${formatAddress(running.admin)}`);
  process.stdout.write(`ready: proxy ${proxy.name} ${places.join(' ')}\n`);

  await stop.promise;
  if (crashed === null) await Promise.race([running.drain(), stop.again]);
  await running.close();
  if (crashed === null) return 0;
  log.warn('stopped because a worker failed', { error: String((crashed as Error).stack ?? crashed) });
  return 1;
}

/** The YAML reader is loaded only here: a sidecar that is pushed its configuration does not need it. */
async function fromFile(file: string): Promise<StaticConfiguration> {
  const { readStaticFile } = await import('../../dataplane/supervisor/static-file.ts');
  return readStaticFile(file);
}

/** The Proxy document that the flags describe. */
function fromFlags(invocation: Invocation): StaticConfiguration {
  const service = invocation.flag('service');
  const appPort = invocation.flag('app-port');
  if (service === undefined) throw new UsageError('--service NAME says which service this workload is an instance of');
  const inbound = parseAddress(invocation.flag('inbound')!, '--inbound');
  const outbound = parseAddress(invocation.flag('outbound')!, '--outbound');
  const admin = parseAddress(invocation.flag('admin')!, '--admin');
  const underscoreNames = invocation.flag('underscores');
  const trusted = listOf(invocation.flag('trust'));
  const listeners: object[] = [
    {
      name: 'outbound',
      address: outbound.host,
      port: outbound.port,
      direction: 'outbound',
      connect: invocation.isSet('connect'),
      underscoreNames,
    },
  ];
  if (appPort !== undefined)
    listeners.push({
      name: 'inbound',
      address: inbound.host,
      port: inbound.port,
      direction: 'inbound',
      forwarding: { trusted },
      underscoreNames,
    });
  const endpoint = invocation.flag('otlp');
  const zone = invocation.flag('zone');
  const namespace = invocation.flag('namespace');
  const read = readProxy({
    kind: 'Proxy',
    name: invocation.flag('name') ?? defaultName(service, inbound),
    spec: {
      service,
      ...(namespace === undefined ? {} : { namespace }),
      labels: labelsOf(listOf(invocation.flag('labels')), '--labels'),
      ...(zone === undefined ? {} : { zone }),
      ...(appPort === undefined ? {} : { appPort: numberOf(appPort, '--app-port') }),
      appAddress: invocation.flag('app-address'),
      workers: numberOf(invocation.flag('workers') ?? '1', '--workers'),
      admin: { address: admin.host, port: admin.port },
      listeners,
      limits: limitsOf(invocation.flag('limits')),
      tracing: {
        ...(endpoint === undefined ? {} : { endpoint }),
        sampleRatio: numberOf(invocation.flag('sample') ?? '0.01', '--sample'),
      },
    },
  });
  if (!read.ok) throw new UsageError(`the flags do not make a proxy:\n${formatIssues(read.issues)}`);
  return { proxy: read.value, resources: [] };
}

/** Flags that stand above what the file says. */
function withFlags(configuration: StaticConfiguration, invocation: Invocation): StaticConfiguration {
  const { proxy, resources } = configuration;
  const workers = invocation.flag('workers');
  const endpoint = invocation.flag('otlp');
  const sample = invocation.flag('sample');
  const read = readProxy({
    ...proxy,
    spec: {
      ...proxy.spec,
      ...(workers === undefined ? {} : { workers: numberOf(workers, '--workers') }),
      limits: { ...proxy.spec.limits, ...limitsOf(invocation.flag('limits')) },
      tracing: {
        ...proxy.spec.tracing,
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(sample === undefined ? {} : { sampleRatio: numberOf(sample, '--sample') }),
      },
    },
  });
  if (!read.ok) throw new UsageError(`the flags do not fit:\n${formatIssues(read.issues)}`);
  return { proxy: read.value, resources };
}

function instanceOf(invocation: Invocation, proxy: ProxyDocument, inbound: Address): InstanceResource | null {
  const { service, appPort, zone, labels } = proxy.spec;
  if (service === undefined || appPort === undefined) return null;
  const read = readResource({
    kind: 'Instance',
    name: proxy.name,
    labels: {
      ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }),
      ...labels,
    },
    spec: {
      service,
      address: invocation.flag('advertise') ?? inbound.host,
      port: inbound.port,
      protocol: 'http2',
      workers: proxy.spec.workers,
      weight: numberOf(invocation.flag('weight')!, '--weight'),
      leaseSeconds: numberOf(invocation.flag('lease')!, '--lease'),
    },
  });
  if (!read.ok) throw new UsageError(`the flags do not make an instance:\n${formatIssues(read.issues)}`);
  return read.value as InstanceResource;
}

function listOf(text = ''): string[] {
  return text.split(',').filter((one) => one !== '');
}

function numberOf(text: string, flag: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`${flag} takes a number; got "${text}"`);
  return value;
}

function defaultName(service: string, inbound: Address): string {
  const host = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-');
  return `${service}-${host}-${inbound.port}`;
}
