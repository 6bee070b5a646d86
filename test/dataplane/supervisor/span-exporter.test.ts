import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { SpanExporter } from '../../../dataplane/supervisor/span-exporter.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';

/** A trace endpoint whose answers are given by the test. */
async function endpoint(t: Owner) {
  const bodies: string[] = [];
  const answers: ServerResponse[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      bodies.push(body);
      answers.push(response);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies, answers };
}

/** So many spans that two batches do not fit into one post. */
const batch = (name: string) => ({ json: `{"name":"${name}"}`, count: 400 });
const namesIn = (bodies: readonly string[]) =>
  bodies.map((body) => [...body.matchAll(/\{"name":"(\w)"\}/g)].map(([, name]) => name).join());

t.test('each batch that is queued at the close is sent once', async (t) => {
  const { url, bodies, answers } = await endpoint(t);
  const exporter = new SpanExporter(url, {});
  for (const name of ['a', 'b', 'c']) exporter.add(batch(name));
  await until(() => answers.length === 1);
  const closed = exporter.close();
  for (let i = 0; i < 3; i++) {
    await until(() => answers.length > i);
    answers[i]!.end();
  }
  await closed;
  t.strictSame(namesIn(bodies), ['a', 'b', 'c']);
  t.equal(exporter.sent, 1200);
  t.equal(exporter.dropped, 0);
});

t.test('an endpoint that does not answer holds up the close for no more than a second', async (t) => {
  const { url, answers } = await endpoint(t);
  const exporter = new SpanExporter(url, {});
  exporter.add(batch('a'));
  await until(() => answers.length === 1);
  const startMs = performance.now();
  await exporter.close();
  t.ok(performance.now() - startMs < 2000);
  t.equal(exporter.sent, 0);
});
