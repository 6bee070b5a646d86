import type { Ask } from './ask.ts';
import type { Outcome } from './caller.ts';
import type { Shares } from './corpus.ts';
import type { Fields } from './take.ts';

/** What is not as it should be, in words; empty when all is. `arrived` counts the requests that came to servers. */
export function differencesOf({ sees, gets }: Ask, got: Outcome, arrived: number): string[] {
  const by = got.seen?.by ?? '';
  const wanted = sees && { ...sees, by: sees.by.includes(by) ? by : sees.by.join(' or ') };
  const expected = facts({ ...gets, seen: wanted }, sees === null ? 0 : 1);
  const seen = facts(got, arrived);
  return [
    ...expected.filter((fact) => !seen.includes(fact)).map((fact) => `wanted: ${fact}`),
    ...seen.filter((fact) => !expected.includes(fact)).map((fact) => `got: ${fact}`),
  ];
}

function facts({ status, headers, seen }: Outcome, arrived: number): string[] {
  const reply = [`status ${status}`, ...lines('reply', headers), `requests at servers: ${arrived}`];
  if (seen === null) return reply;
  const { by, method, host, path } = seen;
  return [...reply, `by ${by}`, `method ${method}`, `host ${host}`, `path ${path}`, ...lines('request', seen.headers)];
}

function lines(of: string, fields: Fields): string[] {
  return Object.entries(fields).map(([name, value]) => `${of} ${name.toLowerCase()}: ${value}`);
}

/** How far a share may be off, in points of percent. */
const mostOff = 1;

/** Whose shares are not what they should be, in words. */
export function shareDifferences({ percent, requests }: Shares, outcomes: readonly Outcome[]): string[] {
  const counts = new Map<string, number>(Object.keys(percent).map((name) => [name, 0]));
  for (const outcome of outcomes) {
    const name = answererOf(outcome);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].flatMap(([name, count]) => {
    const wanted = percent[name];
    const share = (count / requests) * 100;
    const isRight = wanted !== undefined && Math.abs(share - wanted) <= mostOff;
    return isRight ? [] : [`${name} got ${share.toFixed(2)} %, wanted: ${wanted ?? 'none'}`];
  });
}

/** The server, or what the proxy answered itself. */
function answererOf({ seen, status, headers }: Outcome): string {
  return seen?.by ?? `${status} ${headers['x-meshlane-reason']}`;
}
