/**
 * A real Jaeger all-in-one. It has no package to install, so the module beside this file builds it once, into the cache
 * of peers. 1.62.0 is the last version whose dependencies all have a checksum; its page is a placeholder, its OTLP
 * receivers and its query API are what we test against.
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exclusively } from '../exclusive.ts';
import { freePort } from '../free-port.ts';
import type { Owner } from '../owner.ts';
import { findExecutables, isExecutable, peersFolder, status } from '../peer-install.ts';
import { type RunningProcess, startProcess } from '../process.ts';
import { runCommand } from '../run-command.ts';
import { until } from '../until.ts';

const version = 'v1.62.0';
const mainPackage = 'github.com/jaegertracing/jaeger/cmd/all-in-one';
const moduleFolder = fileURLToPath(new URL('.', import.meta.url));
const folder = join(peersFolder, `jaeger-${version}`);
const binary = join(folder, 'all-in-one');

/** The path of the binary, built first when it is not there (two minutes). Null without Go; throws when the build fails. */
export async function jaegerBinary(): Promise<string | null> {
  if (await isRightVersion(binary)) return binary;
  const go = findExecutables('go')[0];
  if (!go) return null;
  // A lock of its own: whoever looks peers up may hold theirs.
  return exclusively(
    join(folder, 'lock.db'),
    (holder) => status(`jaeger: waiting for ${holder}, which builds it ...`),
    async () => ((await isRightVersion(binary)) ? binary : build(go)),
  );
}

async function build(go: string): Promise<string> {
  status(`jaeger: building all-in-one ${version} with Go (about two minutes, once) ...`);
  const fresh = `${binary}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  const flags = `-s -w -X github.com/jaegertracing/jaeger/pkg/version.latestVersion=${version}`;
  const built = await runCommand(go, ['build', '-trimpath', '-ldflags', flags, '-o', fresh, mainPackage], {
    cwd: moduleFolder,
    env: { GOFLAGS: '-mod=readonly -buildvcs=false', GOTOOLCHAIN: 'local' },
    timeoutMs: 900_000,
  });
  if (built.code !== 0) throw new Error(`go build: ${built.stderr.trim().split('\n').at(-1)}`);
  if (!(await isRightVersion(fresh))) {
    rmSync(fresh, { force: true });
    throw new Error(`what was built does not call itself ${version}`);
  }
  renameSync(fresh, binary);
  return binary;
}

async function isRightVersion(path: string): Promise<boolean> {
  if (!isExecutable(path)) return false;
  const { stdout } = await runCommand(path, ['version'], { timeoutMs: 20_000 });
  return stdout.includes(`"gitVersion":"${version}"`);
}

export type Jaeger = {
  /** `host:port` of OTLP/gRPC and OTLP/HTTP. */
  readonly otlpGrpc: string;
  readonly otlpHttp: string;
  /** Base URL of the query API: `${query}/api/traces/{traceId}`. */
  readonly query: string;
  readonly process: RunningProcess;
  /** The trace as Jaeger tells it, as soon as it has at least `spanCount` spans; fails after 10 s. */
  trace(traceId: string, spanCount: number): Promise<JaegerTrace>;
};

export type JaegerTrace = {
  readonly traceID: string;
  readonly spans: readonly JaegerSpan[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
};

export type JaegerSpan = {
  readonly spanID: string;
  readonly operationName: string;
  readonly processID: string;
  readonly references: readonly { readonly refType: string; readonly spanID: string }[];
  /** Microseconds since the epoch, and microseconds. */
  readonly startTime: number;
  readonly duration: number;
  readonly tags: readonly { readonly key: string; readonly value: unknown }[];
};

export type JaegerPorts = { readonly otlpGrpc: number; readonly otlpHttp: number };

/** Starts Jaeger with memory storage, and waits until it takes spans and answers queries. It ends with its owner. */
export async function startJaeger(t?: Owner, ports?: JaegerPorts): Promise<Jaeger> {
  const path = await jaegerBinary();
  if (path === null) throw new Error('Jaeger cannot be built here: there is no Go');
  const at = async (port?: number) => `127.0.0.1:${port ?? (await freePort())}`;
  const [otlpGrpc, otlpHttp] = [await at(ports?.otlpGrpc), await at(ports?.otlpHttp)];
  const [query, queryGrpc, admin] = [await at(), await at(), await at()];
  const unused = '127.0.0.1:0';
  const places = {
    'collector.otlp.grpc.host-port': otlpGrpc,
    'collector.otlp.http.host-port': otlpHttp,
    'query.http-server.host-port': query,
    'query.grpc-server.host-port': queryGrpc,
    'admin.http.host-port': admin,
    'collector.grpc-server.host-port': unused,
    'collector.http-server.host-port': unused,
    'http-server.host-port': unused,
    'processor.jaeger-compact.server-host-port': unused,
    'processor.jaeger-binary.server-host-port': unused,
    'processor.zipkin-compact.server-host-port': unused,
  };
  const running = await startProcess({
    command: path,
    args: [...Object.entries(places).map(([name, place]) => `--${name}=${place}`), '--log-level=warn'],
    // Its own spans would go to port 4317, whoever listens there, and hold up its end when nobody does.
    env: { SPAN_STORAGE_TYPE: 'memory', OTEL_TRACES_SAMPLER: 'always_off' },
    ...(t ? { t } : {}),
  });
  const isOk = async (url: string) => {
    const { ok, body } = await fetch(url);
    await body?.cancel();
    return ok;
  };
  await until(async () => (await isOk(`http://${admin}/`)) && (await isOk(`http://${query}/api/services`)), {
    what: 'an answer of Jaeger',
    timeoutMs: 20_000,
  });
  return {
    otlpGrpc,
    otlpHttp,
    query: `http://${query}`,
    process: running,
    trace: (traceId, spanCount) => readTrace(`http://${query}/api/traces/${traceId}`, spanCount),
  };
}

function readTrace(url: string, spanCount: number): Promise<JaegerTrace> {
  return until(
    async () => {
      const answer = (await (await fetch(url)).json()) as { data: JaegerTrace[] | null };
      const trace = answer.data?.[0];
      return trace && trace.spans.length >= spanCount ? trace : null;
    },
    { what: `the trace with ${spanCount} spans at ${url}`, everyMs: 50 },
  );
}
