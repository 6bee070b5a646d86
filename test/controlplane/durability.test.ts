import t from 'tap';
import { tempFolder } from '../harness/temp-folder.ts';
import { callApi, toEcho } from './plane.ts';
import { startPlaneProcess } from './plane-process.ts';

t.test('every acknowledged change survives kill -9', async (t) => {
  const store = `sqlite:${tempFolder(t)}/mesh.db`;
  const acknowledged = new Map<string, number>();
  for (let round = 0; round < 3; round++) {
    const plane = await startPlaneProcess(t, store);
    if (round === 0) await callApi(plane.url, 'PUT', '/v1/services/echo', {});
    let isKilled = false;
    const write = async (writer: number) => {
      for (let i = 0; !isKilled; i++) {
        const name = `r${writer}-${i % 20}`;
        try {
          const { status, body } = await callApi(plane.url, 'PUT', `/v1/routes/${name}`, {
            ...toEcho,
            labels: { i: `${round}-${i}` },
          });
          if (status < 300) acknowledged.set(name, body.revision);
        } catch {
          return; // cut off by the kill: not acknowledged
        }
      }
    };
    const writers = Array.from({ length: 8 }, (_, writer) => write(writer));
    const before = acknowledged.size === 0 ? 0 : Math.max(...acknowledged.values());
    const killed = new Promise<void>((resolve) => {
      const poll = setInterval(() => {
        if (Math.max(0, ...acknowledged.values()) < before + 150) return;
        clearInterval(poll);
        void plane.kill9().then(() => resolve());
      }, 5);
    });
    await killed;
    isKilled = true;
    await Promise.all(writers);
  }
  const plane = await startPlaneProcess(t, store);
  const { body } = await callApi(plane.url, 'GET', '/v1/routes');
  const stored = new Map<string, number>(
    body.items.map((item: { name: string; revision: number }) => [item.name, item.revision]),
  );
  t.ok(acknowledged.size > 50, `${acknowledged.size} routes were acknowledged`);
  for (const [name, revision] of acknowledged)
    t.ok((stored.get(name) ?? 0) >= revision, `${name} is there at ${revision} or later`);
  t.same(await plane.stop(), { code: 0, signal: null }, 'SIGTERM ends it cleanly');
});
