import { durationBuckets, type Series, type SlotReader } from '../../observability/metrics/slots.ts';
import { httpStatusOf } from '../pipeline/grpc.ts';
import { isMirrorName } from '../pipeline/mirror-name.ts';

/** Where the number of observations stands in a histogram. */
const countAt = durationBuckets.length + 2;

/** Slots of one meaning: those of all workers and routes. */
class SlotSum {
  readonly #parts: { readonly reader: SlotReader; readonly slot: number }[] = [];

  add(reader: SlotReader, slot: number): void {
    this.#parts.push({ reader, slot });
  }

  at(offset: number): number {
    let sum = 0;
    for (const { reader, slot } of this.#parts) sum += reader.value(slot + offset);
    return sum;
  }
}

/** What the workers have counted of the outbound requests to one service since they began; copies for mirrors apart. */
export class ServiceTraffic {
  readonly service: string;
  /** Histograms. */
  readonly durations = new SlotSum();
  readonly failures = new SlotSum();
  readonly open = new SlotSum();
  /** What else shows that the service is called. */
  readonly others = new SlotSum();
  #seen = 0;

  constructor(service: string) {
    this.service = service;
  }

  /** Requests that ended. */
  get requests(): number {
    return this.durations.at(countAt);
  }

  /** Requests per latency bucket, those above the last one at the end. */
  get latency(): number[] {
    return Array.from({ length: durationBuckets.length + 1 }, (_, bucket) => this.durations.at(bucket));
  }

  /** Requests that failed, some of which may count twice. */
  get errors(): number {
    return this.failures.at(0);
  }

  /** Whether the service was called since this was asked last, or has anything open. */
  wasCalled(): boolean {
    const before = this.#seen;
    this.#seen = this.requests + this.others.at(0);
    return this.#seen !== before || this.open.at(0) > 0;
  }
}

type Take = (traffic: ServiceTraffic, reader: SlotReader, series: Series) => void;

const takeOpen: Take = ({ open }, reader, { slot }) => open.add(reader, slot);
const takeOther: Take = ({ others }, reader, { slot }) => others.add(reader, slot);
const takeFailure: Take = ({ failures }, reader, { slot }) => failures.add(reader, slot);

/** What the metrics of requests have to say. A copy's reply is nobody's: only that there was one counts. */
const takers: Readonly<Record<string, Take>> = {
  meshlane_requests_in_flight: takeOpen,
  meshlane_tcp_connections: takeOpen,
  meshlane_tcp_connections_opened_total: takeOther,
  meshlane_request_duration_seconds: ({ durations, others }, reader, { slot, labels }) => {
    if (isMirrorName(labels['route']!)) others.add(reader, slot + countAt);
    else durations.add(reader, slot);
  },
  meshlane_requests_total: (traffic, reader, series) => {
    if (Number(series.labels['code']) >= 500) takeUnlessCopied(traffic, reader, series);
  },
  meshlane_grpc_calls_total: (traffic, reader, series) => {
    if (httpStatusOf(Number(series.labels['grpc_status'])) >= 500) takeUnlessCopied(traffic, reader, series);
  },
  meshlane_replies_cut_total: (traffic, reader, series) => takeUnlessCopied(traffic, reader, series),
};

function takeUnlessCopied(traffic: ServiceTraffic, reader: SlotReader, series: Series): void {
  if (!isMirrorName(series.labels['route']!)) takeFailure(traffic, reader, series);
}

/** The outbound traffic of a proxy by service, as its workers count it. */
export class OutboundTraffic {
  readonly #readers: readonly SlotReader[];
  readonly #services = new Map<string, ServiceTraffic>();
  /** Series of each reader that were looked at. */
  readonly #taken: number[];

  constructor(readers: readonly SlotReader[]) {
    this.#readers = readers;
    this.#taken = readers.map(() => 0);
  }

  services(): Iterable<ServiceTraffic> {
    this.#readers.forEach((reader, i) => {
      for (; this.#taken[i]! < reader.series.length; this.#taken[i]!++)
        this.#take(reader, reader.series[this.#taken[i]!]!);
    });
    return this.#services.values();
  }

  #take(reader: SlotReader, series: Series): void {
    const { direction, service, to } = series.labels;
    if (direction !== 'outbound' || service === undefined) return;
    takers[series.name]?.(this.#of(service), reader, series);
    if (to !== undefined) takeOther(this.#of(to), reader, series); // a fallback: the service that stands in is called, too
  }

  #of(service: string): ServiceTraffic {
    let traffic = this.#services.get(service);
    if (traffic === undefined) {
      traffic = new ServiceTraffic(service);
      this.#services.set(service, traffic);
    }
    return traffic;
  }
}
