import type { Log } from '../../observability/logging/log.ts';
import type { Address } from '../../shared/discovery/address.ts';
import { type GrpcServer, startGrpcServer } from '../../shared/grpc/server/grpc-server.ts';
import type { Method } from '../../shared/grpc/server/server-call.ts';
import { StatusError } from '../../shared/grpc/server/status-error.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Gate } from '../access/gate.ts';
import { PushGuard } from '../access/push-guard.ts';
import { listenerOf } from '../access/secure-listener.ts';
import type { ServerTls } from '../access/server-tls.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { decodeRequest, streamPath, type WireRequest } from './codec.ts';
import { XdsCall } from './xds-call.ts';
import type { XdsHub } from './xds-hub.ts';

export type XdsServerParts = {
  readonly hub: XdsHub;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly log: Log;
  readonly gate: Gate;
  /** Null: in the clear. */
  readonly tls: ServerTls | null;
  readonly version: string;
};

const mostConnections = 20_000;
/** A client has one stream. */
const mostCalls = 10;
/** As many names as one may ask for, of a usual length. */
const mostMessageBytes = 4 * 1024 * 1024;

/**
 * Serves xDS as aggregated streams of the state of the world; rejects with one line that names the port and the flag when
 * it cannot listen.
 */
export function startXdsServer(parts: XdsServerParts, address: Address): Promise<GrpcServer> {
  const { hub, catalog, clock, log, gate, tls, version } = parts;
  const guard = new PushGuard(gate, catalog);
  const stream: Method<WireRequest> = {
    decode: decodeRequest,
    open: (call) => {
      const caller = guard.admit(call);
      if (caller instanceof StatusError) return caller;
      return new XdsCall(call, { hub, log, guard, caller, identifier: `meshlane ${version}` });
    },
  };
  const limits = { mostConnections, mostCalls, mostMessageBytes };
  const methods = { [streamPath]: stream };
  const now = () => clock.monotonicMs();
  return startGrpcServer({ ...limits, ...listenerOf(tls), methods, flag: '--xds', now }, address);
}
