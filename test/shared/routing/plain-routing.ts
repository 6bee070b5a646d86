import type { FieldMatch, PathMatch, RouteMatch } from '../../../shared/resources/route-match.ts';
import type { RouteEntry } from '../../../shared/routing/candidate.ts';
import type { RequestView } from '../../../shared/routing/request-view.ts';

/** The oracle of the route table: every entry is asked, those that hold are sorted by precedence, the first is taken. */
export function firstPlain<Rule>(entries: readonly RouteEntry<Rule>[], request: RequestView): RouteEntry<Rule> | null {
  return entries.filter(({ match }) => holdsPlain(match, request)).sort(byPrecedencePlain)[0] ?? null;
}

function holdsPlain({ path, method, headers, queryParams, cookies }: RouteMatch, request: RequestView): boolean {
  return (
    (path === undefined || pathHolds(path, request.path)) &&
    (method === undefined || method === request.method) &&
    (headers ?? []).every((field) => fieldHolds(field, request.header(field.name.toLowerCase()))) &&
    (queryParams ?? []).every((field) => fieldHolds(field, new URLSearchParams(request.query).get(field.name))) &&
    (cookies ?? []).every((field) => fieldHolds(field, cookiesOf(request).get(field.name) ?? null))
  );
}

function pathHolds({ type, value }: PathMatch, path: string): boolean {
  if (type === 'Exact') return path === value;
  if (type === 'RegularExpression') return new RegExp(`^(?:${value})$`).test(path);
  if (type === 'PathPrefix')
    return value === '/' || `${path.replace(/\/$/, '')}/`.startsWith(`${value.replace(/\/$/, '')}/`);
  const source = value
    .replace(/[.+?()[\]^$|\\]/g, '\\$&')
    .replace(/\{\w+=\*\*\}|\*\*/g, '.+')
    .replace(/\{\w+\}|(?<=\/)\*(?=\/|$)/g, '[^/]+');
  return new RegExp(`^${source}$`).test(path);
}

function fieldHolds({ type, value, invert = false }: FieldMatch, actual: string | null): boolean {
  if (invert) return !fieldHolds({ type, name: '', ...(value === undefined ? {} : { value }) }, actual);
  if (type === 'Absent') return actual === null;
  if (type === 'Present') return actual !== null;
  return actual !== null && (type === 'Exact' ? actual === value : new RegExp(`^(?:${value})$`).test(actual));
}

function cookiesOf(request: RequestView): ReadonlyMap<string, string> {
  const crumbs = (request.header('cookie') ?? '').split(';').map((crumb) => crumb.trim());
  return new Map(crumbs.reverse().map((crumb) => [crumb.split('=')[0]!, crumb.slice(crumb.indexOf('=') + 1)]));
}

type Entry = RouteEntry<unknown>;

function byPrecedencePlain(a: Entry, b: Entry): number {
  const keysOfB = keysOf(b);
  for (const [i, key] of keysOf(a).entries()) if (key !== keysOfB[i]) return key < keysOfB[i]! ? -1 : 1;
  return 0;
}

/** What is compared in turn; the smaller comes first. */
function keysOf({ match, created, name, place }: Entry): readonly (number | string)[] {
  const { path = { type: 'PathPrefix', value: '/' }, method, headers = [], queryParams = [], cookies = [] } = match;
  return [
    ['Exact', 'Template', 'RegularExpression', 'PathPrefix'].indexOf(path.type),
    ...(path.type === 'Template' ? templateKeys(path.value) : [0, 0, 0]),
    path.type === 'PathPrefix' ? -path.value.replace(/\/$/, '').length : 0,
    method === undefined ? 1 : 0,
    -headers.length - cookies.length,
    -queryParams.length,
    created,
    name,
    place,
  ];
}

function templateKeys(template: string): readonly number[] {
  const segments = template.slice(1).split('/');
  const literals = segments.filter((segment) => !/[*{]/.test(segment));
  const takesRest = template.includes('**');
  return [-literals.join('').length, takesRest ? 1 : 0, -(segments.length - (takesRest ? 1 : 0))];
}
