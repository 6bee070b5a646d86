import type { AddressInfo } from 'node:net';
import { type Address, listenError } from '../../shared/discovery/address.ts';
import { closeHttpServer } from '../../shared/http/fastify.ts';
import { loadAssets } from '../dashboard/assets.ts';
import { collectorMetrics } from './collector-metrics.ts';
import { exportAddress, openExportTarget } from './export-target.ts';
import { type ExporterOptions, SpanExporter } from './exporter.ts';
import { Intake } from './intake.ts';
import { serveOtlpGrpc } from './otlp-grpc-server.ts';
import { serveOtlpHttp } from './otlp-http-server.ts';
import { newTraceApi } from './trace-api.ts';
import { type StoreLimits, TraceStore } from './trace-store.ts';

export type CollectorOptions = {
  /** OTLP/gRPC; the default is 127.0.0.1 with a port of the system's choice, here and below. */
  readonly otlpGrpc?: Address;
  readonly otlpHttp?: Address;
  /** JSON API, page and admin paths. */
  readonly http?: Address;
  /** OTLP endpoint that everything is forwarded to: `http(s)://HOST:PORT` or `grpc(s)://HOST:PORT`. */
  readonly exportUrl?: string;
  readonly store?: Partial<StoreLimits>;
  readonly exporter?: ExporterOptions;
};

export type Collector = {
  /** Where it listens, with the ports it got. */
  readonly otlpGrpc: Address;
  readonly otlpHttp: Address;
  readonly http: Address;
  /** Takes nothing more, sends what waits to be forwarded (for at most 3 s), and lets all ports go. */
  close(): Promise<void>;
};

const anyPort: Address = { host: '127.0.0.1', port: 0 };

/** Starts a collector. Throws an Error of one line that names the flag when a port is taken or the export URL is wrong. */
export async function startCollector(options: CollectorOptions = {}): Promise<Collector> {
  const { otlpGrpc = anyPort, otlpHttp = anyPort, http = anyPort, exportUrl } = options;
  if (exportUrl !== undefined) refuseLoop(exportUrl, [otlpGrpc, otlpHttp]);
  const closers: (() => Promise<unknown>)[] = [];
  let isReady = false;
  let closing: Promise<void> | null = null;
  // Last opened, first closed: the API shows until the end how the rest goes down.
  const close = () => {
    isReady = false;
    closing ??= (async () => {
      for (const end of closers.reverse()) await end();
    })();
    return closing;
  };
  try {
    const assets = await loadAssets();
    const store = new TraceStore(options.store);
    const exporter = exportUrl === undefined ? null : new SpanExporter(openExportTarget(exportUrl), options.exporter);
    const intake = new Intake(store, exporter);
    const registry = collectorMetrics(intake, store, exporter);

    const api = newTraceApi({ store, registry, assets, isReady: () => isReady });
    closers.push(() => closeHttpServer(api));
    await api.listen({ host: http.host, port: http.port }).catch((error) => {
      throw listenError(error, http, '--http');
    });
    if (exporter) closers.push(() => exporter.close());
    const grpcServer = await serveOtlpGrpc(intake, otlpGrpc);
    closers.push(grpcServer.close);
    const httpServer = await serveOtlpHttp(intake, otlpHttp);
    closers.push(httpServer.close);
    isReady = true;
    return {
      otlpGrpc: grpcServer.address,
      otlpHttp: httpServer.address,
      http: { host: http.host, port: (api.server.address() as AddressInfo).port },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Sending to oneself would send every span round for ever. */
function refuseLoop(exportUrl: string, own: readonly Address[]): void {
  const target = exportAddress(exportUrl);
  const loopback = ['127.0.0.1', 'localhost', '::1'];
  const everywhere = ['0.0.0.0', '::'];
  for (const { host, port } of own) {
    if (port === 0 || port !== target.port) continue;
    const isSame =
      host === target.host || (loopback.includes(target.host) && [...loopback, ...everywhere].includes(host));
    if (isSame) throw new Error(`--export ${exportUrl} is this collector itself; name the endpoint behind it`);
  }
}
