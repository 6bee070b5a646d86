import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type AuditEntry, entryOfRequest, itself } from '../../../controlplane/audit/audit-entry.ts';
import { AuditLog, mostWaiting } from '../../../controlplane/audit/audit-log.ts';
import type { Log } from '../../../observability/logging/log.ts';
import { runCommand } from '../../harness/run-command.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { startGuardedPlane } from '../access/guarded-plane.ts';

const quiet: Log = { info: () => undefined, warn: () => undefined };
const entry = (what: string): AuditEntry => entryOfRequest(new Date(0), itself, [what], 'done');
const linesOf = (file: string) => readFileSync(file, 'utf8').split('\n').slice(0, -1);

t.test('lines are whole and in order, and close writes those that wait', async (t) => {
  const file = join(tempFolder(t), 'audit.log');
  const audit = await AuditLog.open(file, quiet);
  for (let i = 0; i < 5_000; i++) audit.write(entry(`number ${i}`));
  await audit.close();
  t.strictSame(
    linesOf(file).map((line) => JSON.parse(line).what[0]),
    Array.from({ length: 5_000 }, (_, i) => `number ${i}`),
  );
});

t.test('a file that is renamed is left for a new one of its name', async (t) => {
  const folder = tempFolder(t);
  const file = join(folder, 'audit.log');
  const audit = await AuditLog.open(file, quiet);
  t.teardown(() => audit.close());
  audit.write(entry('before'));
  await until(() => linesOf(file).length === 1);
  renameSync(file, join(folder, 'audit.log.1'));
  audit.reopen();
  audit.write(entry('after'));
  await until(() => linesOf(file).length === 1);
  t.match(linesOf(file)[0], 'after');
  t.equal(linesOf(join(folder, 'audit.log.1')).length, 1);
});

t.test('a full disk is told once and stops nothing; what has no room is counted', async (t) => {
  const warned: string[] = [];
  const audit = await AuditLog.open('/dev/full', { ...quiet, warn: (text) => void warned.push(text) });
  for (let i = 0; i < mostWaiting + 1_010; i++) audit.write(entry(`number ${i}`));
  await until(() => warned.length > 0);
  for (let i = 0; i < 5; i++) audit.write(entry(`late ${i}`));
  t.ok(audit.lost >= 10 && audit.lost <= 1_015, `lost ${audit.lost}`);
  t.strictSame(warned, ['the audit log cannot be written, its lines wait']);
  await audit.close();

  const plane = await startGuardedPlane(t, { auditLog: '/dev/full' });
  for (const name of ['a.shop', 'b.shop'])
    t.equal((await plane.as('admin', 'PUT', `/v1/services/${name}`, { spec: {} })).status, 201);
  await until(() => plane.logged.some((line) => /the audit log cannot be written/.test(line)));
  t.match((await plane.as('admin', 'GET', '/metrics')).body, 'meshlane_control_plane_audit_lines_lost_total 0');
});

t.test('- is stdout', async (t) => {
  const module = new URL('../../../controlplane/audit/', import.meta.url);
  const script = `
    const { AuditLog } = await import('${module}audit-log.ts');
    const { entryOfRequest, itself } = await import('${module}audit-entry.ts');
    const audit = await AuditLog.open('-', { info() {}, warn() {} });
    for (let i = 0; i < 3; i++) audit.write(entryOfRequest(new Date(0), itself, [], 'number ' + i));
    await audit.close();`;
  const { stdout } = await runCommand(process.execPath, ['--input-type=module', '-e', script]);
  const outcomes = stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line).outcome);
  t.strictSame(outcomes, ['number 0', 'number 1', 'number 2']);
});

t.test('a file that cannot be opened keeps it from starting', async (t) => {
  await t.rejects(startGuardedPlane(t, { auditLog: '/nowhere/audit.log' }), /--audit-log \/nowhere\/audit\.log cannot/);
});

t.test('a long list is cut, and says by how much', async (t) => {
  const names = Array.from({ length: 150 }, (_, i) => `Service/s-${i}`);
  const { what } = entryOfRequest(new Date(0), itself, names, 'done');
  t.equal(what.length, 101);
  t.equal(what.at(-1), 'and 50 more');
});
