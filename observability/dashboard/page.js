import { element, formatDuration, formatTime, serviceDot } from './dom.js';
import { renderTrace } from './waterfall.js';

const refreshMs = 3_000;
const state = document.getElementById('state');
const list = document.getElementById('list');
const trace = document.getElementById('trace');
const filters = document.getElementById('filters');
const rows = document.getElementById('traces');
const empty = document.getElementById('empty');

/** Counts what was asked for, so that a late answer does not overwrite a later one. */
let latest = 0;

async function fetchJson(path) {
  const response = await fetch(path, { headers: { accept: 'application/json' } });
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail ?? body.title ?? `HTTP ${response.status}`);
  return body;
}

function tell(text, isFailing = false) {
  state.textContent = text;
  state.classList.toggle('failing', isFailing);
}

function query() {
  const form = new FormData(filters);
  form.delete('live');
  const entries = [...form].filter(([, value]) => value !== '');
  return new URLSearchParams(entries).toString();
}

async function showList() {
  const mine = ++latest;
  trace.hidden = true;
  list.hidden = false;
  document.title = 'Traces · Meshlane';
  try {
    const [{ traces, kept }, { services }] = await Promise.all([
      fetchJson(`/api/traces?${query()}`),
      fetchJson('/api/services'),
    ]);
    if (mine !== latest) return;
    renderServices(services);
    renderRows(traces);
    empty.hidden = traces.length > 0;
    empty.textContent = kept === 0 ? 'No span has come in yet.' : 'No trace passes these filters.';
    tell(`${traces.length} of ${kept} traces, ${formatTime(Date.now()).slice(0, 8)}`);
  } catch (error) {
    if (mine === latest) tell(error.message, true);
  }
}

function renderServices(services) {
  const select = filters.elements.namedItem('service');
  const names = services.map(({ name }) => name);
  const shown = [...select.options].slice(1).map((option) => option.value);
  if (names.join('\n') === shown.join('\n')) return;
  const chosen = select.value;
  // A chosen service whose traces have left stays chosen: the list should not widen by itself.
  const offered = chosen === '' || names.includes(chosen) ? names : [...names, chosen];
  select.replaceChildren(select.options[0], ...offered.map((name) => element('option', { value: name }, name)));
  select.value = chosen;
}

function renderRows(traces) {
  const focused = document.activeElement?.getAttribute('href');
  const longest = Math.max(...traces.map(({ durationMs }) => durationMs));
  rows.replaceChildren(
    ...traces.map(({ traceId, root, startMs, durationMs, spanCount, services, error }) =>
      element(
        'tr',
        {},
        element('td', {}, element('time', { datetime: new Date(startMs).toISOString() }, formatTime(startMs))),
        element(
          'td',
          {},
          serviceDot(root.service),
          element('a', { href: `#/trace/${traceId}` }, `${root.service}: ${root.name}`),
          error ? element('span', { class: 'failed' }, ' error') : null,
        ),
        element('td', {}, ...services.map((name) => element('span', { class: 'chip' }, serviceDot(name), name))),
        element('td', { class: 'number' }, String(spanCount)),
        element('td', { class: 'number' }, formatDuration(durationMs), meter(longest > 0 ? durationMs / longest : 0)),
      ),
    ),
  );
  if (focused?.startsWith('#/trace/'))
    rows.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function meter(share) {
  const made = element('div', { class: 'meter', 'aria-hidden': 'true' });
  made.style.width = `${share * 100}%`;
  return made;
}

async function showTrace(traceId) {
  const mine = ++latest;
  list.hidden = true;
  trace.hidden = false;
  trace.replaceChildren(element('p', { class: 'empty' }, 'Loading …'));
  try {
    const view = await fetchJson(`/api/traces/${encodeURIComponent(traceId)}`);
    if (mine !== latest) return;
    trace.replaceChildren(...renderTrace(view));
    document.title = `${view.root.service}: ${view.root.name} · Meshlane`;
    tell('');
    document.getElementById('main').focus({ preventScroll: true });
  } catch (error) {
    if (mine !== latest) return;
    trace.replaceChildren(
      element('p', {}, element('a', { href: '#/' }, '← all traces')),
      element('p', { class: 'empty' }, error.message),
    );
    tell('', true);
  }
}

function route() {
  const found = /^#\/trace\/(.+)$/.exec(location.hash);
  return found ? showTrace(found[1]) : showList();
}

filters.addEventListener('submit', (event) => {
  event.preventDefault();
  showList();
});
filters.addEventListener('change', () => showList());
window.addEventListener('hashchange', route);
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && !trace.hidden) location.hash = '#/';
});
setInterval(() => {
  const isLive = filters.elements.namedItem('live').checked;
  if (isLive && !list.hidden && document.visibilityState === 'visible') showList();
}, refreshMs);
route();
