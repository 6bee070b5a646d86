import type { Load, LoadReport } from './load.ts';
import type { Rig } from './rig.ts';
import type { TlsFiles } from './tls-files.ts';

/** The server behind the proxies; `program` is its name and version. */
export type Origin = { readonly port: number; readonly pid: number; readonly program: string };

/** The two ends that a proxy stands between: an origin of one reply, and the load that asks for it. */
export type Ends = {
  readonly origin: Origin;
  /** Sends one request to a port; throws, naming who listens there, unless the origin's whole reply comes back. */
  check(name: string, port: number): Promise<true>;
  run(port: number, load: Load): Promise<LoadReport>;
};

export type EndsOptions = {
  /** Body of the reply. */
  readonly sizeBytes: number;
  /** What the load speaks TLS with; null, or left out, for none. */
  readonly tls?: TlsFiles | null;
  /** Where the origin goes; null, or left out, leaves it on the CPU of the load. */
  readonly originCpu?: number | null;
};

export type StartEnds = (rig: Rig, options: EndsOptions) => Promise<Ends>;
