import type { HostChoice } from './explanation.ts';

/** Which of the hostnames that routes are written for is the one of a host, and why. */
export function chooseHost(host: string, hostnames: ReadonlySet<string>, isService: boolean): HostChoice {
  if (hostnames.has(host)) return { routes: host, why: 'routes are written for exactly this name' };
  const suffix = suffixesOf(host).find((one) => hostnames.has(one));
  if (suffix) return { routes: suffix, why: `${suffix} is the longest suffix of it that routes are written for` };
  if (hostnames.has('*')) return { routes: '*', why: `no route is written for ${host} itself, so those for * hold` };
  const nobody = `no route is written for ${host} or for *`;
  return isService
    ? { routes: null, why: `${nobody}, so it is the service of that name` }
    : { routes: null, why: `${nobody}, and there is no service of that name` };
}

/** Tells whether a hostname may stand for a host. */
export function standsFor(hostname: string, host: string): boolean {
  return hostname === '*' || hostname === host || suffixesOf(host).includes(hostname);
}

/** From the longest to the shortest: `*.b.c` and `*.c` of `a.b.c`. */
function suffixesOf(host: string): string[] {
  const labels = host.split('.');
  return labels.slice(1).map((_, i) => `*.${labels.slice(i + 1).join('.')}`);
}
