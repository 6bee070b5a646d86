import { echo, type Reply, toEcho } from '../plane.ts';

/** A control plane as far as its API goes. */
type Api = { call(method: string, path: string, body?: unknown): Promise<Reply> };

export const instance = (name: string, more: object = {}) => ({
  kind: 'Instance',
  name,
  spec: { service: 'echo', address: '127.0.0.1', port: 9000, ...more },
});

export const route = (name: string) => ({ kind: 'Route', name, ...toEcho });

/** Service echo with so many instances, `echo-1` onwards, and routes `r1` onwards. */
export async function fill(plane: Api, { instances = 0, routes = 0 }, more: object = {}) {
  const resources = [
    echo,
    ...Array.from({ length: instances }, (_, i) => instance(`echo-${i + 1}`, more)),
    ...Array.from({ length: routes }, (_, i) => route(`r${i + 1}`)),
  ];
  const reply = await plane.call('POST', '/v1/apply', { resources });
  if (reply.status !== 200) throw new Error(JSON.stringify(reply.body));
}

export async function namesOf(plane: Api, plural: string): Promise<string[]> {
  const { body } = await plane.call('GET', `/v1/${plural}`);
  return body.items.map(({ name }: { name: string }) => name);
}
