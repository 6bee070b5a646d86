/** One chart of a picture: a bar per name, `note` beside its title (which way is better). */
export type Chart = {
  readonly title: string;
  readonly note: string;
  readonly bars: readonly { readonly name: string; readonly value: number }[];
};

const width = 720;
const nameWidth = 190;
const valueWidth = 90;
const barHeight = 20;
const rowHeight = 26;
const titleLineHeight = 18;
const titleHeight = 34;
const margin = 20;

/** Draws charts below each other as an SVG, the parts of the title (at `; `) in lines of their own; each chart has its own scale, from 0. What we measured of Meshlane stands out. */
export function barChart(title: string, charts: readonly Chart[]): string {
  const parts: string[] = [];
  let y = margin;
  for (const line of title.split('; ')) {
    parts.push(text(margin, y + 12, line, 'font-weight="bold" font-size="12"'));
    y += titleLineHeight;
  }
  for (const { title: chartTitle, note, bars } of charts) {
    y += titleHeight;
    parts.push(text(margin, y, `${chartTitle} (${note})`, 'font-size="13"'));
    y += 10;
    const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
    for (const { name, value } of bars) {
      const length = (Math.max(0, value) / most) * (width - 2 * margin - nameWidth - valueWidth);
      const colour = name.startsWith('meshlane') ? '#1f6feb' : '#9aa4b2';
      parts.push(
        text(margin, y + 15, name, 'font-size="12"'),
        `<rect x="${margin + nameWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" fill="${colour}"/>`,
        text(margin + nameWidth + length + 6, y + 15, formatValue(value), 'font-size="12"'),
      );
      y += rowHeight;
    }
  }
  const height = y + margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${x.toFixed(1)}" y="${y}" fill="#1c2128" ${attributes}>${escapeXml(content)}</text>`;
}

function formatValue(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function escapeXml(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
