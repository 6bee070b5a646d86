/** Rows under a header, each column as wide as its widest cell; the first column to the left, the rest to the right. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines
    .map((line) =>
      widths
        .map((width, column) =>
          column === 0 ? (line[column] ?? '').padEnd(width) : (line[column] ?? '').padStart(width),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `12 345` as people read it; `-` for what was not measured. */
export function formatCount(value: number | null): string {
  return value === null ? '-' : Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');
}

export function formatMegabytes(bytes: number | null): string {
  return bytes === null ? '-' : (bytes / 1e6).toFixed(0);
}

export function formatShare(share: number | null): string {
  return share === null ? '-' : `${(share * 100).toFixed(0)}%`;
}

export function formatRatio(ratio: number): string {
  return `${ratio.toFixed(2)}x`;
}
