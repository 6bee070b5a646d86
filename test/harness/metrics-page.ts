/** Sum of the samples of a metric, on a page in Prometheus’ text format, whose labels contain all that is asked for. */
export function sumOf(page: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  let sum = 0;
  for (const line of page.split('\n')) {
    const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match?.[1] !== name) continue;
    if (Object.entries(labels).every(([key, value]) => match[2]?.includes(`${key}="${value}"`)))
      sum += Number(match[3]);
  }
  return sum;
}
