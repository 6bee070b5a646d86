import { element, formatDuration, hueOf, serviceDot } from './dom.js';

const marks = 5;

/** The elements of one trace: a head, and a row per span whose bar lies where its time lies in the trace. */
export function renderTrace(view) {
  const rows = view.spans.flatMap((span) => renderSpan(span, view.durationMs));
  const waterfall = element(
    'div',
    { class: 'waterfall', onkeydown: moveFocus },
    element(
      'div',
      { class: 'scale', 'aria-hidden': 'true' },
      element('span', {}, 'Span'),
      element(
        'span',
        { class: 'marks' },
        ...Array.from({ length: marks }, (_, i) =>
          element('span', {}, formatDuration((view.durationMs * i) / (marks - 1))),
        ),
      ),
    ),
    ...rows,
  );
  return [
    element('p', {}, element('a', { href: '#/' }, '← all traces')),
    element('h1', {}, serviceDot(view.root.service), `${view.root.service}: ${view.root.name}`),
    element(
      'p',
      { class: 'facts' },
      element('code', {}, view.traceId),
      element('span', {}, new Date(view.startMs).toLocaleString()),
      element('span', {}, formatDuration(view.durationMs)),
      element('span', {}, `${view.spanCount} ${view.spanCount === 1 ? 'span' : 'spans'}`),
      element('span', {}, `${view.services.length} ${view.services.length === 1 ? 'service' : 'services'}`),
      view.error ? element('span', { class: 'failed' }, 'error') : null,
    ),
    waterfall,
    element(
      'p',
      { class: 'hint' },
      element('kbd', {}, '↑'),
      ' ',
      element('kbd', {}, '↓'),
      ' move between spans, ',
      element('kbd', {}, 'Enter'),
      ' opens one, ',
      element('kbd', {}, 'Esc'),
      ' goes back to the list.',
    ),
  ];
}

function renderSpan(span, traceMs) {
  const from = traceMs > 0 ? span.offsetMs / traceMs : 0;
  const width = traceMs > 0 ? Math.min(span.durationMs / traceMs, 1 - from) : 1;
  const place = width > 0.7 ? ' wide' : from + width > 0.75 ? ' late' : '';
  const id = `details-${span.spanId}`;
  const details = element('div', { class: 'details', id, hidden: true });
  const row = element(
    'button',
    {
      type: 'button',
      class: `row${span.error ? ' error' : ''}${place}`,
      'aria-expanded': 'false',
      'aria-controls': id,
      'aria-label': `${span.service}, ${span.name}, ${span.kind}, level ${span.depth + 1}, ${formatDuration(span.durationMs)}${span.error ? ', error' : ''}`,
      '--depth': String(span.depth),
      '--from': `${from * 100}%`,
      '--width': `${width * 100}%`,
      '--hue': hueOf(span.service),
      onclick: () => {
        details.hidden = !details.hidden;
        row.setAttribute('aria-expanded', String(!details.hidden));
        if (!details.hasChildNodes()) details.append(...renderDetails(span));
      },
    },
    element(
      'span',
      { class: 'label', title: `${span.service}: ${span.name}` },
      serviceDot(span.service),
      element('small', {}, span.service),
      span.name,
      span.error ? element('span', { class: 'failed' }, ' error') : null,
    ),
    element(
      'span',
      { class: 'lane' },
      element('span', { class: 'bar' }),
      element('span', { class: 'took' }, formatDuration(span.durationMs)),
    ),
  );
  return [row, details];
}

function renderDetails(span) {
  const facts = {
    span: span.spanId,
    parent: span.parentSpanId === '' ? 'none' : span.parentSpanId + (span.isParentMissing ? ' (not here)' : ''),
    kind: span.kind,
    start: `+${formatDuration(span.offsetMs)}`,
    duration: formatDuration(span.durationMs),
    status: span.status.message === '' ? span.status.code : `${span.status.code}: ${span.status.message}`,
    ...(span.scope === '' ? {} : { scope: span.scope }),
  };
  return [
    definitions(facts),
    ...section('Attributes', span.attributes),
    ...span.events.flatMap((event) =>
      section(`Event: ${event.name} at +${formatDuration(event.offsetMs)}`, event.attributes, true),
    ),
    ...span.links.map(({ traceId, spanId }) =>
      element(
        'p',
        {},
        'Linked to span ',
        element('code', {}, spanId),
        ' of ',
        element('a', { href: `#/trace/${traceId}` }, traceId),
      ),
    ),
    ...section('Resource', span.resource),
  ];
}

function section(title, values, isShownEmpty = false) {
  if (Object.keys(values).length === 0) return isShownEmpty ? [element('h2', {}, title)] : [];
  return [element('h2', {}, title), definitions(values)];
}

function definitions(values) {
  const entries = Object.entries(values).flatMap(([key, value]) => [
    element('dt', {}, key),
    element('dd', {}, element('code', {}, typeof value === 'string' ? value : JSON.stringify(value))),
  ]);
  return element('dl', {}, ...entries);
}

/** Arrow keys, Home and End move between the rows. */
function moveFocus(event) {
  const rows = [...event.currentTarget.querySelectorAll('.row')];
  const at = rows.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (at === -1 || to === undefined || !rows[to]) return;
  event.preventDefault();
  rows[to].focus();
}
