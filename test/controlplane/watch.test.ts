import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import t from 'tap';
import type { Owner } from '../harness/owner.ts';
import { until } from '../harness/until.ts';
import { echo, type Plane, startPlane, toEcho } from './plane.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into documents of every kind
type Event = { event: string; id: number; data: any };

/** Reads server-sent events with nothing but a socket, so that a test can also stop reading. */
class Watcher {
  readonly events: Event[] = [];
  response: IncomingMessage | null = null;
  isClosed = false;
  readonly #request: ClientRequest;

  constructor(t: Owner, plane: Plane, path: string) {
    let rest = '';
    this.#request = request(plane.url + path, (response) => {
      this.response = response;
      response.setEncoding('utf8').on('data', (text: string) => {
        const parts = (rest + text).split('\n\n');
        rest = parts.pop() ?? '';
        for (const part of parts) this.#take(part);
      });
      response.on('error', () => undefined);
      response.on('close', () => {
        this.isClosed = true;
      });
    });
    this.#request.on('error', () => undefined);
    this.#request.end();
    t.teardown(() => this.#request.destroy());
  }

  get names(): string[] {
    return this.events.map(({ event, data }) => `${event} ${data.name ?? ''}`.trim());
  }

  #take(part: string): void {
    if (part.startsWith(':')) return;
    const fields = Object.fromEntries(part.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]));
    this.events.push({ event: fields['event']!, id: Number(fields['id']), data: JSON.parse(fields['data']!) });
  }
}

t.test('a watch begins with the list and goes on with every change of its kind', async (t) => {
  const plane = await startPlane(t);
  await plane.call('POST', '/v1/apply', { resources: [echo, { kind: 'Route', name: 'a', ...toEcho }] });
  const watcher = new Watcher(t, plane, '/v1/routes?watch=true');
  await until(() => watcher.events.length === 2);
  t.same(watcher.names, ['added a', 'synced']);
  t.match(watcher.response?.headers, { 'content-type': 'text/event-stream' });
  const put = await plane.call('PUT', '/v1/routes/b', toEcho);
  await plane.call('PUT', '/v1/services/other', {});
  await plane.call('PUT', '/v1/routes/b', { ...toEcho, labels: { v: '2' } });
  const { headers } = await plane.call('DELETE', '/v1/routes/a');
  await until(() => watcher.events.length === 5);
  t.same(watcher.names.slice(2), ['added b', 'modified b', 'removed a']);
  t.same(watcher.events[2]?.data, put.body);
  t.equal(watcher.events[2]?.id, put.body.revision);
  t.equal(watcher.events[4]?.id, Number(headers['x-meshlane-revision']));
  t.match(watcher.events[4]?.data, { kind: 'Route', name: 'a' });
});

t.test('a reader that does not read gets the latest of each name when it goes on', async (t) => {
  const plane = await startPlane(t);
  const watcher = new Watcher(t, plane, '/v1/services?watch=true');
  await until(() => watcher.events.length === 1);
  watcher.response?.pause();
  const labels = (round: number) =>
    Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`l${i}`, `${round}`.padEnd(250, 'x')]));
  const names = Array.from({ length: 40 }, (_, i) => `s${i}`);
  const rounds = 60; // 36 MB: more than the system's socket buffers hold
  for (let round = 0; round < rounds; round++)
    await plane.call('POST', '/v1/apply', {
      resources: names.map((name) => ({ kind: 'Service', name, labels: labels(round) })),
    });
  const sent = rounds * names.length;
  watcher.response?.resume();
  await until(() => names.every((name) => latest(watcher, name)?.data.labels.l0.startsWith(`${rounds - 1}x`)));
  t.ok(watcher.events.length < sent / 2, `${watcher.events.length} events for ${sent} changes`);
  t.ok(names.every((name) => watcher.events.find(({ data }) => data.name === name)?.event === 'added'));
});

function latest(watcher: Watcher, name: string): Event | undefined {
  return watcher.events.findLast(({ data }) => data.name === name);
}

t.test('a reader that takes nothing for 15 s is closed', async (t) => {
  let movedMs = 0;
  const clock = { monotonicMs: () => performance.now() + movedMs, wallMs: Date.now };
  const plane = await startPlane(t, { clock });
  const labels = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`l${i}`, 'x'.repeat(250)]));
  for (let part = 0; part < 4; part++) {
    // 26 MB in all: more than the system's socket buffers hold.
    const resources = Array.from({ length: 400 }, (_, i) => ({ kind: 'Service', name: `s${part}-${i}`, labels }));
    await plane.call('POST', '/v1/apply', { resources });
  }
  const stuck = new Watcher(t, plane, '/v1/services?watch=true');
  await until(() => stuck.response);
  stuck.response?.pause();
  const open = async () => /meshlane_control_plane_watches (\d+)/.exec((await plane.call('GET', '/metrics')).body)?.[1];
  t.equal(await open(), '1');
  await until(
    async () => {
      movedMs += 5_000;
      return (await open()) === '0';
    },
    { everyMs: 300, what: 'the close' },
  );
});

t.test('watches end when the control plane stops, and at once', async (t) => {
  const plane = await startPlane(t);
  const watcher = new Watcher(t, plane, '/v1/services?watch');
  await until(() => watcher.events.length === 1);
  await plane.close();
  await until(() => watcher.isClosed);
});

t.test('a watch takes no pages', async (t) => {
  const plane = await startPlane(t);
  t.equal((await plane.call('GET', '/v1/services?watch=true&limit=1')).status, 400);
  t.equal((await plane.call('HEAD', '/v1/services?watch=true')).status, 200, 'and HEAD opens none');
});
