/** A finished span as workers hand it to the supervisor. Built only for sampled traces. */
export type SpanRecord = {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: 'server' | 'client';
  /** Milliseconds since the epoch, with fraction. */
  readonly startMs: number;
  readonly endMs: number;
  readonly isError: boolean;
  /** OpenTelemetry HTTP semantic conventions where they have a word. */
  readonly attributes: Readonly<Record<string, string | number>>;
};
