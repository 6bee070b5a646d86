import { AggregatorRegistry } from './prom.ts';
import { durationBuckets, type Series, type SlotReader } from './slots.ts';

type Sample = { value: number; labels: Record<string, string | number>; metricName?: string };
type MetricJson = { name: string; help: string; type: string; aggregator: string; values: Sample[] };

/** The tables of all workers, summed, as a Prometheus text page. */
export async function exposeSlots(readers: readonly SlotReader[]): Promise<string> {
  const perWorker = readers.map((reader) => toJson(reader));
  return AggregatorRegistry.aggregate(perWorker as unknown as object[][]).metrics();
}

function toJson(reader: SlotReader): MetricJson[] {
  const metrics = new Map<string, MetricJson>();
  for (const series of reader.series) {
    let metric = metrics.get(series.name);
    if (!metric) {
      metric = { name: series.name, help: series.help, type: series.kind, aggregator: 'sum', values: [] };
      metrics.set(series.name, metric);
    }
    if (series.kind === 'histogram') addHistogram(metric, series, reader);
    else metric.values.push({ value: reader.value(series.slot), labels: { ...series.labels } });
  }
  return [...metrics.values()];
}

function addHistogram(metric: MetricJson, series: Series, reader: SlotReader): void {
  let cumulative = 0;
  durationBuckets.forEach((bound, bucket) => {
    cumulative += reader.value(series.slot + bucket);
    metric.values.push({
      metricName: `${series.name}_bucket`,
      labels: { ...series.labels, le: bound },
      value: cumulative,
    });
  });
  const after = series.slot + durationBuckets.length;
  const count = reader.value(after + 2);
  metric.values.push({ metricName: `${series.name}_bucket`, labels: { ...series.labels, le: '+Inf' }, value: count });
  metric.values.push({
    metricName: `${series.name}_sum`,
    labels: { ...series.labels },
    value: reader.value(after + 1),
  });
  metric.values.push({ metricName: `${series.name}_count`, labels: { ...series.labels }, value: count });
}
