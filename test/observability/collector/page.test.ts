import t from 'tap';
import { startCollector } from '../../../observability/collector/collector.ts';
import type { Owner } from '../../harness/owner.ts';
import { peer, skipWithout } from '../../harness/peers.ts';
import { runCommand } from '../../harness/run-command.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { newSpanId, newTraceId, sendSpans, urlOf } from './spans.ts';

/** The page as the browser has it after its scripts have run. */
async function render(t: Owner, url: string): Promise<string> {
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
  const args = [...flags, `--user-data-dir=${tempFolder(t)}`, '--virtual-time-budget=2500', '--dump-dom', url];
  const { code, stdout, stderr } = await runCommand((await peer('chromium'))!, args, { timeoutMs: 40_000 });
  if (code !== 0) throw new Error(`chromium: ${stderr}`);
  return stdout;
}

t.test('the page in a browser', await skipWithout('chromium'), async (t) => {
  const collector = await startCollector();
  t.teardown(collector.close);
  const [traceId, rootId] = [newTraceId(), newSpanId()];
  const evil = '<img src=x onerror="document.title=\'owned\'">';
  await sendSpans(collector, 'order', { traceId, spanId: rootId, name: evil, durationMs: 48 });
  await sendSpans(collector, 'inventory', {
    traceId,
    parentSpanId: rootId,
    name: 'reserve',
    startMs: 12,
    durationMs: 24,
    isError: true,
  });
  await sendSpans(collector, 'user', { name: 'GET /users', durationMs: 3 });

  t.test('lists the traces, the slowest share of time and the services to choose from', async (t) => {
    const page = await render(t, urlOf(collector.http));
    t.equal(page.match(/<a href="#\/trace\/[0-9a-f]{32}">/g)?.length, 2);
    t.match(page, /<option value="inventory">inventory<\/option><option value="order">/);
    t.match(page, /48 ms/);
    t.match(page, /2 of 2 traces/);
  });

  t.test('draws a trace as a waterfall: a row per span, indented, where its time lies', async (t) => {
    const page = await render(t, `${urlOf(collector.http)}/#/trace/${traceId}`);
    const rows = page.match(/<button type="button" class="row[^>]*>/g) ?? [];
    t.equal(rows.length, 2);
    t.match(rows[0], /--depth: ?0;.*--from: ?0%;.*--width: ?100%/);
    t.match(
      rows[1],
      /class="row error.*inventory, reserve, server, level 2, 24 ms, error.*--depth: ?1;.*--from: ?25%;.*--width: ?50%/,
    );
  });

  t.test('shows text from spans as text', async (t) => {
    for (const path of ['/', `/#/trace/${traceId}`]) {
      const page = await render(t, urlOf(collector.http) + path);
      t.match(page, /&lt;img src=x onerror=/);
      t.notMatch(page, /<img/);
      t.notMatch(page, /<title>owned/);
    }
  });

  t.test('says so when a trace is not there', async (t) => {
    t.match(await render(t, `${urlOf(collector.http)}/#/trace/${newTraceId()}`), /no span of trace/);
  });
});
