import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatAddress, parseAddress } from '../../shared/discovery/address.ts';
import { systemClock } from '../../shared/time/clock.ts';
import { durationMs, durationPattern } from '../../shared/time/duration.ts';
import { type Command, type Invocation, UsageError } from '../command.ts';
import type { Child } from '../dev/child.ts';
import {
  appPlan,
  collectorPlan,
  controlPlanePlan,
  frontOf,
  highestBasePort,
  loadPlan,
  type MeshPorts,
  meshPorts,
  reachable,
  sidecarName,
  sidecarPlan,
  wantedPorts,
} from '../dev/plan.ts';
import { findFreePorts } from '../dev/ports.ts';
import { ProcessGroup } from '../dev/process-group.ts';
import { screen } from '../dev/screen.ts';
import { applyFile, firstOrder } from '../dev/shop.ts';
import { StatusLine } from '../dev/status-line.ts';
import { untilStopped } from '../until-stopped.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const startTimeoutMs = 60_000;
const stopGraceMs = 3_000;
/** A timer takes no longer time than 24.8 days. */
const longestForMs = 24 * 86_400_000;
const defaultApi = '127.0.0.1:15080';

type Settings = {
  readonly ports: MeshPorts;
  readonly withDemo: boolean;
  readonly withLoad: boolean;
  readonly forMs: number | null;
  readonly stateFolder: string;
  /** The folder was made for this run and goes with it. */
  readonly isTemporary: boolean;
};

export const command: Command = {
  name: 'dev',
  summary: 'Runs the whole mesh on this machine: control plane, collector, and a demo shop behind sidecars.',
  options: {
    api: { value: 'HOST:PORT', default: defaultApi, text: 'Control API.' },
    push: { value: 'HOST:PORT', default: '127.0.0.1:15010', text: 'Push stream to the sidecars.' },
    'otlp-grpc': { value: 'HOST:PORT', default: '127.0.0.1:4317', text: 'Collector, OTLP over gRPC.' },
    'otlp-http': { value: 'HOST:PORT', default: '127.0.0.1:4318', text: 'Collector, OTLP over HTTP.' },
    traces: { value: 'HOST:PORT', default: '127.0.0.1:15090', text: 'Trace page and its JSON API.' },
    'base-port': {
      value: 'PORT',
      default: '15100',
      text: 'First port of the apps and sidecars, ten for each; 0: any.',
    },
    state: { value: 'DIR', text: 'Keeps store, snapshots and logs there; otherwise a temporary folder.' },
    for: { value: 'DURATION', text: 'Stops by itself so long after the first order, such as 30s.' },
    'no-load': { text: 'Leaves out the 5 orders a second.' },
    'no-demo': { text: 'Leaves out the shop: control plane and collector only.' },
  },
  details:
    'Ctrl-C ends every process it started. The exit code is 1 when one was lost on the way. STATE/dev.json tells scripts the ports and process ids.',
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const settings = await readSettings(invocation);
  const { stateFolder } = settings;
  const logFolder = join(stateFolder, 'logs');
  mkdirSync(logFolder, { recursive: true });
  const status = new StatusLine(process.stdout);
  let hasLosses = false;
  const group = new ProcessGroup({
    cwd: root,
    environment: { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/meshlane'), ...invocation.environment },
    logFolder,
    parallelStarts: availableParallelism() + 2,
    startTimeoutMs,
    stopGraceMs,
    onLoss: (child, how) => {
      hasLosses = true;
      tellLoss(child, how);
    },
  });
  const stopRequest = untilStopped(['SIGINT', 'SIGTERM', 'SIGHUP']);
  void stopRequest.again.then(() => group.kill());
  let hasFailed = true;
  try {
    const started = start(group, settings, status).then((text) => {
      status.clear();
      process.stdout.write(text);
    });
    const isStopped = await Promise.race([started.then(() => false), stopRequest.promise.then(() => true)]);
    if (isStopped)
      started.catch(() => undefined); // what was starting is being stopped
    else await (settings.forMs === null ? stopRequest.promise : orAfter(settings.forMs, stopRequest.promise));
    hasFailed = false;
    return hasLosses ? 1 : 0;
  } finally {
    status.show('stopping ...');
    await group.stop(stopStages(settings.ports));
    status.clear();
    if (settings.isTemporary && !hasFailed && !hasLosses) rmSync(stateFolder, { recursive: true, force: true });
  }
}

/** Starts everything and returns the screen to show. */
async function start(group: ProcessGroup, settings: Settings, status: StatusLine): Promise<string> {
  const { ports, stateFolder, withDemo, withLoad } = settings;
  const { workloads } = ports;
  const startMs = systemClock.monotonicMs();
  const total = 2 + 2 * workloads.length;
  let up = 0;
  const begin = async (plan: Parameters<ProcessGroup['start']>[0]) => {
    await group.start(plan);
    status.show(`starting: ${++up} of ${total} processes serve (${plan.name})`);
  };
  status.show(`starting ${total} processes ...`);
  const controlPlane = begin(controlPlanePlan(ports, stateFolder)).then(async () => {
    if (withDemo) await applyFile(reachable(ports.api), join(root, 'examples/shop/mesh.yaml'));
  });
  await Promise.all([
    controlPlane,
    begin(collectorPlan(ports)),
    ...workloads.map((workload) => begin(appPlan(workload))),
    controlPlane.then(() => Promise.all(workloads.map((one) => begin(sidecarPlan(one, ports, stateFolder))))),
  ]);
  let firstOrderMs: number | null = null;
  if (withDemo) {
    status.show('everything serves; waiting for the first order ...');
    firstOrderMs = await firstOrder(frontOf(ports).outbound, systemClock, startTimeoutMs);
    if (withLoad) await group.start(loadPlan(ports));
  }
  writeFileSync(join(stateFolder, 'dev.json'), `${JSON.stringify(describe(group, ports), null, 2)}\n`);
  const startedInMs = systemClock.monotonicMs() - startMs;
  return screen({
    ports,
    firstOrderMs,
    startedInMs,
    processes: group.children.length,
    stateFolder,
    hasLoad: withLoad,
    ...howToType(ports),
  });
}

async function readSettings(invocation: Invocation): Promise<Settings> {
  const withDemo = !invocation.isSet('no-demo');
  const wanted = (flag: string) => {
    try {
      return { address: parseAddress(invocation.flag(flag)!, `--${flag}`), flag: `--${flag}` };
    } catch (error) {
      throw new UsageError((error as Error).message);
    }
  };
  const planes = {
    api: wanted('api'),
    push: wanted('push'),
    otlpGrpc: wanted('otlp-grpc'),
    otlpHttp: wanted('otlp-http'),
    traces: wanted('traces'),
  };
  const basePort = Number(invocation.flag('base-port'));
  if (!Number.isInteger(basePort) || basePort < 0 || basePort > highestBasePort)
    throw new UsageError(
      `--base-port must be a port from 0 to ${highestBasePort}; got "${invocation.flag('base-port')}"`,
    );
  const forText = invocation.flag('for');
  if (forText !== undefined && !new RegExp(durationPattern).test(forText))
    throw new UsageError(`--for must be a duration such as 30s or 2m; got "${forText}"`);
  if (forText !== undefined && durationMs(forText) > longestForMs)
    throw new UsageError(`--for takes 576h (24 days) at most; got "${forText}"`);
  const state = invocation.flag('state');
  const ports = meshPorts(await findFreePorts(wantedPorts(planes, basePort, withDemo)));
  return {
    ports,
    withDemo,
    withLoad: withDemo && !invocation.isSet('no-load'),
    forMs: forText === undefined ? null : durationMs(forText),
    stateFolder: state === undefined ? mkdtempSync(join(tmpdir(), 'meshlane-dev-')) : resolve(state),
    isTemporary: state === undefined,
  };
}

/** Customers first, then the sidecars (they leave the mesh and hand in their last spans), then what they lean on. */
function stopStages({ workloads }: MeshPorts): string[][] {
  return [['load'], workloads.map(({ name }) => sidecarName(name)), workloads.map(({ name }) => name)];
}

function describe(group: ProcessGroup, ports: MeshPorts): object {
  const { workloads, ...planes } = ports;
  const addresses = Object.entries(planes).map(([name, address]) => [name, formatAddress(reachable(address))]);
  const processes = group.children.map(({ name, pid, logFile }) => ({ name, pid, log: logFile }));
  return { pid: process.pid, ...Object.fromEntries(addresses), workloads, processes };
}

/** Commands on the screen can be copied as they are, from the folder the user is in. */
function howToType({ api }: MeshPorts): { meshlane: string; shopFolder: string; apiFlag: string } {
  const from = (path: string) => {
    const short = relative(process.cwd(), join(root, path));
    return short.startsWith('..') ? join(root, path) : short;
  };
  const address = formatAddress(reachable(api));
  return {
    meshlane: `node ${from('cli/meshlane.js')}`,
    shopFolder: from('examples/shop'),
    apiFlag: address === defaultApi ? '' : ` --api ${address}`,
  };
}

function tellLoss(child: Child, how: string): void {
  const text = `${child.name} (pid ${child.pid}) ended: ${how}. The rest keeps running. Its last lines:`;
  process.stderr.write(`meshlane dev: ${text}\n${child.lastWords}\n`);
}

/** Resolves with the promise, or when the time has passed. */
async function orAfter(ms: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, passed]);
  clearTimeout(timer);
}
