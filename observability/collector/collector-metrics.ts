import { Counter, Gauge, Registry } from '../metrics/prom.ts';
import type { SpanExporter } from './exporter.ts';
import { type Intake, intakeWays } from './intake.ts';
import type { TraceStore } from './trace-store.ts';

type Reading = { readonly labels: Record<string, string>; readonly value: number };

/** What the collector's parts have counted, as Prometheus reads it. */
export function collectorMetrics(intake: Intake, store: TraceStore, exporter: SpanExporter | null): Registry {
  const registry = new Registry();
  const counter = (name: string, help: string, labelNames: string[], read: () => Reading[]) => {
    new Counter({
      name: `meshlane_collector_${name}`,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, value } of read()) this.inc(labels, value);
      },
    });
  };
  const gauge = (name: string, help: string, read: () => number) => {
    new Gauge({
      name: `meshlane_collector_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };

  counter('requests_total', 'OTLP requests by way in and result.', ['protocol', 'result'], () =>
    intakeWays.flatMap((protocol) => {
      const { requests, malformed, overloaded } = intake.counts[protocol];
      return [
        { labels: { protocol, result: 'taken' }, value: requests - malformed },
        { labels: { protocol, result: 'malformed' }, value: malformed },
        { labels: { protocol, result: 'overloaded' }, value: overloaded },
      ];
    }),
  );
  counter('spans_received_total', 'Spans that came in, by way in.', ['protocol'], () =>
    intakeWays.map((protocol) => ({ labels: { protocol }, value: intake.counts[protocol].spans })),
  );
  counter('spans_rejected_total', 'Spans without valid ids, answered as partial success.', ['protocol'], () =>
    intakeWays.map((protocol) => ({ labels: { protocol }, value: intake.counts[protocol].rejected })),
  );
  counter(
    'spans_dropped_total',
    'Spans that were not or are no longer kept for viewing, by reason.',
    ['reason'],
    () => [
      { labels: { reason: 'duplicate' }, value: store.counts.duplicates },
      { labels: { reason: 'trace_full' }, value: store.counts.traceFull },
      { labels: { reason: 'too_large' }, value: store.counts.tooLarge },
      { labels: { reason: 'evicted' }, value: store.counts.evictedSpans },
    ],
  );
  counter('traces_evicted_total', 'Traces that left, as the oldest, to make room.', [], () => [
    { labels: {}, value: store.counts.evictedTraces },
  ]);
  gauge('store_traces', 'Traces kept for viewing.', () => store.traceCount);
  gauge('store_spans', 'Spans kept for viewing.', () => store.spanCount);
  gauge('store_bytes', 'Estimated size of the spans kept for viewing.', () => store.sizeBytes);
  gauge('resident_memory_bytes', 'Resident memory of the process.', () => process.memoryUsage.rss());
  if (exporter) {
    counter(
      'export_batches_total',
      'Batches offered to the export endpoint, by what became of them.',
      ['result'],
      () => {
        const { sent, droppedQueueFull, droppedRefused, droppedGaveUp, droppedAtClose } = exporter.counts;
        return [
          { labels: { result: 'sent' }, value: sent },
          { labels: { result: 'dropped_queue_full' }, value: droppedQueueFull },
          { labels: { result: 'dropped_refused' }, value: droppedRefused },
          { labels: { result: 'dropped_gave_up' }, value: droppedGaveUp },
          { labels: { result: 'dropped_at_close' }, value: droppedAtClose },
        ];
      },
    );
    counter('export_retries_total', 'Attempts to send that had to be repeated.', [], () => [
      { labels: {}, value: exporter.counts.retries },
    ]);
    counter('export_rejected_spans_total', 'Spans the export endpoint rejected out of messages it took.', [], () => [
      { labels: {}, value: exporter.counts.rejectedSpans },
    ]);
    gauge('export_queue_batches', 'Batches waiting to be sent.', () => exporter.queuedBatches);
    gauge('export_queue_bytes', 'Bytes waiting to be sent.', () => exporter.queuedBytes);
  }
  return registry;
}
