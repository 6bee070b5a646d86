import { statSync } from 'node:fs';
import t from 'tap';
import { runCommand } from '../../harness/run-command.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { callApi } from '../plane.ts';
import { startPlaneProcess } from '../plane-process.ts';
import { Sidecar } from '../sidecar.ts';

/** As a full disk does, a limit on the size of files lets nothing be added to one. */
async function limitFiles(pid: number, bytes: number | 'unlimited'): Promise<void> {
  const { code, stderr } = await runCommand('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
  if (code !== 0) throw new Error(stderr);
}

const label = (text: string) => ({ labels: { about: text } });

t.test(
  'a disk that takes no more refuses writes, loses nothing, and is written to again once it has room',
  async (t) => {
    const file = `${tempFolder(t)}/mesh.db`;
    const plane = await startPlaneProcess(t, `sqlite:${file}`);
    const put = (name: string, body: object) => callApi(plane.url, 'PUT', `/v1/services/${name}`, body);
    t.equal((await put('kept', {})).status, 201);
    const sidecar = new Sidecar(t, plane.push, 'a-1');
    await until(() => sidecar.documents.has('Service/kept'));

    await limitFiles(plane.pid, statSync(`${file}-wal`).size);
    const refused = await put('refused', label('x'.repeat(50)));
    t.equal(refused.status, 503);
    t.match(refused.body.detail, /disk|full|I\/O|written/i, 'it says what is wrong');
    t.equal((await callApi(plane.url, 'GET', '/v1/services/kept')).status, 200, 'it is read from');
    t.equal((await callApi(plane.url, 'GET', '/v1/services/refused')).status, 404);
    t.equal(sidecar.ended, null);
    t.notOk(sidecar.documents.has('Service/refused'), 'no sidecar hears of what is not stored');

    await limitFiles(plane.pid, 'unlimited');
    t.equal((await put('refused', label('now'))).status, 201);
    await until(() => sidecar.documents.has('Service/refused'), { timeoutMs: 5000 });
    t.same(await plane.stop(), { code: 0, signal: null });
    const again = await startPlaneProcess(t, `sqlite:${file}`);
    const { body } = await callApi(again.url, 'GET', '/v1/services');
    t.same(body.items.map(({ name }: { name: string }) => name).sort(), ['kept', 'refused']);
  },
);
