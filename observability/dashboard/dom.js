/**
 * Builds elements. Text from spans reaches the page as text nodes and attribute values only, never as markup.
 * @param {string} tag
 * @param {Record<string, string | boolean | ((event: Event) => void)>} properties `on...` are listeners, `--...` CSS variables
 * @param {...(Node | string | null)} children
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') made.addEventListener(name.slice(2), value);
    else if (name.startsWith('--')) made.style.setProperty(name, value);
    else if (typeof value === 'boolean') made.toggleAttribute(name, value);
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Milliseconds for people: three significant digits and a unit. */
export function formatDuration(ms) {
  if (ms === 0) return '0 ms';
  if (ms < 0.001) return `${Math.round(ms * 1e6)} ns`;
  if (ms < 1) return `${round(ms * 1000)} µs`;
  if (ms < 1000) return `${round(ms)} ms`;
  if (ms < 60_000) return `${round(ms / 1000)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

function round(value) {
  return String(Number(value.toPrecision(3)));
}

export function formatTime(ms) {
  const date = new Date(ms);
  const two = (value) => String(value).padStart(2, '0');
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** The same colour for the same service on every page; red is left to errors. */
export function hueOf(service) {
  let hash = 7;
  for (let i = 0; i < service.length; i++) hash = (Math.imul(hash, 31) + service.charCodeAt(i)) | 0;
  // Similar names should not get similar colours: stir the low bits.
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  hash ^= hash >>> 12;
  return String(25 + ((hash >>> 0) % 310));
}

export function serviceDot(service) {
  return element('span', { class: 'dot', 'aria-hidden': 'true', '--hue': hueOf(service) });
}
