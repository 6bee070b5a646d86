import { AdaptiveChoice } from '../../../dataplane/cluster/adaptive-choice.ts';
import { BalancerMaker } from '../../../dataplane/cluster/balancer-maker.ts';
import { Balancing } from '../../../dataplane/cluster/balancing.ts';
import { Breaker } from '../../../dataplane/cluster/breaker/breaker.ts';
import { Changes } from '../../../dataplane/cluster/changes.ts';
import { Cluster } from '../../../dataplane/cluster/cluster.ts';
import { Endpoint } from '../../../dataplane/cluster/endpoint.ts';
import { HashTables } from '../../../dataplane/cluster/hashing/hash-tables.ts';
import { LatencyEstimate } from '../../../dataplane/cluster/latency-estimate.ts';
import { OutlierDetector } from '../../../dataplane/cluster/outlier/outlier-detector.ts';
import { Attempt } from '../../../dataplane/pipeline/attempt.ts';
import { serviceSettings } from '../../../dataplane/snapshot/service-settings.ts';
import type { PolicyResource } from '../../../shared/resources/schema.ts';
import type { Server } from './server.ts';
import type { Simulation } from './simulation.ts';

/** Time on the wire, there and back. */
const wireMs = 0.5;
const ignore = () => undefined;

class ServedEndpoint extends Endpoint {
  readonly server: Server;

  constructor(server: Server, place: number, changes: Changes) {
    super(`app-${place}`, '10.0.0.1', place + 1, { changes });
    this.server = server;
  }
}

/** One proxy that sends to all servers, with the product's own cluster, balancer, breakers and outlier detection. */
export class Caller {
  readonly #simulation: Simulation;
  readonly #cluster: Cluster<ServedEndpoint>;

  constructor(policy: PolicyResource, servers: readonly Server[], simulation: Simulation, random: () => number) {
    const { balancing, breaker, outliers } = serviceSettings([policy], 1);
    const changes = new Changes();
    const endpoints = servers.map((server, place) => new ServedEndpoint(server, place, changes));
    const parts = { observer: { onTransition: ignore, onRetired: ignore }, changes, random };
    for (const endpoint of endpoints) {
      if (balancing.latency) endpoint.latency = new LatencyEstimate(balancing.latency, 0);
      if (breaker) endpoint.breaker = new Breaker(breaker, parts);
    }
    if (outliers) {
      const writer = { onDetected: ignore, onEjected: ignore, onCount: ignore };
      const detector = new OutlierDetector(outliers, writer, random, 0);
      detector.follow(endpoints, outliers);
      const advance = () => simulation.after(detector.advance(simulation.nowMs) - simulation.nowMs, advance);
      advance();
    }
    const choice = new AdaptiveChoice(ignore);
    choice.follow(endpoints);
    const tools = { random, tables: new HashTables(null), choice };
    const maker = new BalancerMaker(balancing.balancer, endpoints, tools);
    this.#simulation = simulation;
    this.#cluster = new Cluster({
      service: 'app',
      endpoints,
      changes,
      balancing: new Balancing(maker, random, { slowStart: balancing.slowStart }),
      panicThresholdPercent: balancing.panicThresholdPercent,
    });
  }

  explain(): string {
    return this.#cluster.explain();
  }

  /** Sends one request; tells its status and how long it took. */
  ask(keyHash: number, onReply: (status: number, tookMs: number) => void): void {
    const simulation = this.#simulation;
    const startMs = simulation.nowMs;
    const endpoint = this.#cluster.pick(keyHash, [], startMs);
    if (typeof endpoint === 'string') return onReply(503, 0);
    const attempt = new Attempt<ServedEndpoint>();
    attempt.begin(endpoint, startMs);
    simulation.after(wireMs / 2, () =>
      endpoint.server.ask((status) =>
        simulation.after(wireMs / 2, () => {
          const { nowMs } = simulation;
          attempt.onStatus(status, nowMs);
          attempt.onWhole(nowMs);
          attempt.end(false, nowMs);
          onReply(status, nowMs - startMs);
        }),
      ),
    );
  }
}
