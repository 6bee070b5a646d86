import { type Log, logTo } from '../observability/logging/log.ts';
import type { Address } from '../shared/discovery/address.ts';
import { type Clock, systemClock } from '../shared/time/clock.ts';
import type { Access } from './access/access.ts';
import { Gate } from './access/gate.ts';
import { ServerTls, type TlsFiles } from './access/server-tls.ts';
import { startApiServer } from './api/api-server.ts';
import { AuditLog } from './audit/audit-log.ts';
import { Catalog } from './catalog/catalog.ts';
import { Writer } from './catalog/writer.ts';
import { History } from './history/history.ts';
import { Admission } from './holds/admission.ts';
import { HoldDesk } from './holds/hold-desk.ts';
import { Leadership } from './leader/leadership.ts';
import { PushHub } from './push/push-hub.ts';
import { startPushServer } from './push/push-server.ts';
import { SidecarBoard } from './push/sidecar-board.ts';
import { Registry } from './registry/registry.ts';
import { RolloutConductor } from './rollout/conductor.ts';
import { fanOut } from './store/fan-out.ts';
import { follow } from './store/follow.ts';
import { openStore } from './store/open-store.ts';
import type { StoreFlags } from './store/store-access.ts';

export type ControlPlaneOptions = {
  /** Where the control API listens; the default is a free port on 127.0.0.1, as for `push`. */
  readonly api?: Address;
  readonly push?: Address;
  /** Where xDS is served; nowhere without it. */
  readonly xds?: Address;
  /** `sqlite:FILE`, `sqlite::memory:` (the default) or `etcd://HOST:PORT[,HOST:PORT][/PREFIX]`; `etcds:` for TLS. */
  readonly store?: string;
  readonly storeAccess?: StoreFlags;
  readonly version?: string;
  /** The file that says who may do what; without it everybody may do everything. */
  readonly access?: string;
  /** Lets everybody read metrics and documentation. */
  readonly openMetrics?: boolean;
  /** What all ports show their callers; without it they speak in the clear. */
  readonly tls?: TlsFiles;
  /** Where each change and each refused attempt is written: a path, or `-` for stdout. */
  readonly auditLog?: string;
  /** How often the files of access and TLS are looked at (2 s and 5 s). */
  readonly lookEveryMs?: number;
  /** OTLP/HTTP base URL; the requests of the API are traced when it is given. */
  readonly otlp?: string;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Time a sidecar has to answer an update (15 s). */
  readonly ackTimeoutMs?: number;
  /** Time after the start in which no rollout counts as done before the sidecars had a chance to come back (5 s). */
  readonly reconnectMs?: number;
  /** Longest time of one stream to a sidecar (30 min), give or take a fifth. */
  readonly streamMs?: number;
  /** Stops the wait for a store that cannot be reached. */
  readonly signal?: AbortSignal;
};

export type ControlPlane = {
  readonly apiAddress: Address;
  readonly pushAddress: Address;
  readonly xdsAddress: Address | null;
  readonly store: string;
  /** Looks for the audit log by its name again. */
  reopenAuditLog(): void;
  /** Ends streams and watches, answers what is under way, and closes the store. */
  close(): Promise<void>;
};

const anyPort: Address = { host: '127.0.0.1', port: 0 };

/**
 * Starts a control plane and resolves when it serves; it waits for a store that is not there yet. Rejects with one line
 * that names the flag when a port is taken or the store cannot be used.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const { clock = systemClock, log = logTo(process.stderr, 'control-plane'), version = '0.0.0' } = options;
  const closers: (() => unknown)[] = [];
  let closing: Promise<void> | null = null;
  const close = () => {
    closing ??= (async () => {
      for (const end of closers.reverse()) await end();
    })();
    return closing;
  };
  try {
    const { lookEveryMs } = options;
    const access = options.access === undefined ? null : await openAccess(options.access, log, clock, lookEveryMs);
    closers.push(() => access?.close());
    const tls = options.tls ? await ServerTls.open(options.tls, log, lookEveryMs) : null;
    closers.push(() => tls?.close());
    const audit = options.auditLog === undefined ? null : await AuditLog.open(options.auditLog, log);
    closers.push(() => audit?.close());
    const gate = new Gate(access, audit, clock);
    const store = await openStore(options.store ?? 'sqlite::memory:', clock, options.storeAccess);
    closers.push(() => store.close());
    const catalog = new Catalog(log, clock);
    const history = new History(store);
    const following = await follow(store, fanOut(history, catalog), log, options.signal);
    closers.push(() => following.close());
    const leadership = new Leadership(catalog, store, clock, log);
    closers.push(() => leadership.close());
    await leadership.start();
    const writer = new Writer(catalog, store, history, clock, gate.recordChange);
    const registry = new Registry(catalog, writer, store, clock, log);
    closers.push(() => registry.close());
    const hub = new PushHub(catalog, clock, log, options);
    catalog.subscribeReplaced(() => hub.restart('the store was replaced: connect again for its state'));
    const conductor = new RolloutConductor({ catalog, writer, store, hub, leadership, clock, log });
    closers.push(() => conductor.close());
    const admission = new Admission(catalog, store, clock, log);
    closers.push(() => admission.close());
    const holds = new HoldDesk(catalog, registry, admission);
    const push = await startPushServer(
      { hub, admission, catalog, registry, clock, gate, tls },
      options.push ?? anyPort,
    );
    closers.push(
      () => push.close(),
      () => hub.close(),
    );
    const sidecars = new SidecarBoard({ catalog, hub, store, following, clock, log });
    closers.push(() => sidecars.close());
    await sidecars.start();
    const xds = options.xds ? await startXds({ catalog, clock, log, gate, tls, version }, options.xds) : null;
    if (xds) closers.push(() => xds.close());
    const view = { name: store.name, following };
    const tracing = options.otlp === undefined ? null : await startTracing(options.otlp, version);
    if (tracing) closers.push(() => tracing.close());
    const api = await startApiServer(
      {
        catalog,
        hub,
        sidecars,
        registry,
        holds,
        leadership,
        history,
        rollouts: conductor,
        store: view,
        version,
        clock,
        log,
        ...(xds ? { xds: xds.hub } : {}),
        guard: { gate, openMetrics: options.openMetrics ?? false },
        protection: { gate, audit, files: [access, tls] },
        tls,
        ...(tracing ? { trace: tracing.traceRequests } : {}),
      },
      options.api ?? anyPort,
    );
    closers.push(
      () => api.close(),
      () => tls?.endHandshakes(),
    );
    return {
      apiAddress: api.address,
      pushAddress: push.address,
      xdsAddress: xds?.address ?? null,
      store: store.name,
      reopenAuditLog: () => audit?.reopen(),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Loaded only when asked for: it reads .proto files. */
async function startXds(...settings: Parameters<typeof import('./xds/start-xds.ts').startXds>) {
  const { startXds: start } = await import('./xds/start-xds.ts');
  return start(...settings);
}

/** Loaded only when asked for: the SDK costs some 40 MB. */
async function startTracing(endpoint: string, version: string) {
  const { startTracedApi } = await import('./api/trace-requests.ts');
  return startTracedApi(endpoint, version);
}

/** Loaded only when asked for: the reader of its file brings TypeBox, some 20 MB. */
async function openAccess(file: string, log: Log, clock: Clock, everyMs?: number): Promise<Access> {
  const { Access: Opened } = await import('./access/access.ts');
  return Opened.open(file, log, clock, everyMs);
}
