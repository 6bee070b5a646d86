import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import t from 'tap';
import { CertificateWatch, readCertificate } from '../../dataplane/supervisor/certificate-files.ts';
import { type CertificateFiles, makeCertificate } from '../harness/certificate.ts';
import type { Owner } from '../harness/owner.ts';
import { runCommand } from '../harness/run-command.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { get } from './harness/raw-client.ts';
import { proxyDocument, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { tlsProxy } from './harness/tls-proxy.ts';

const main = new URL('../../cli/main.mjs', import.meta.url).pathname;

const folder = tempFolder(t);
const first = await makeCertificate(folder, 'app', 'first');
const second = await makeCertificate(folder, 'app', 'second');
const empty = join(folder, 'empty.pem');
const text = join(folder, 'text.pem');
const cut = join(folder, 'cut.pem');
writeFileSync(empty, '');
writeFileSync(text, 'no PEM\n');
writeFileSync(cut, readFileSync(first.certificate, 'utf8').slice(0, 200));

const faults: readonly [string, Partial<CertificateFiles>, RegExp][] = [
  [
    'a certificate that is not there',
    { certificate: join(folder, 'none.crt') },
    /tls\.certificate \S+none\.crt cannot be read: ENOENT/,
  ],
  ['a key that is a folder', { privateKey: folder }, /tls\.privateKey \S+ cannot be read: EISDIR/],
  ['an empty certificate', { certificate: empty }, /tls\.certificate \S+empty\.pem holds no certificate/],
  ['an empty key', { privateKey: empty }, /tls\.privateKey \S+empty\.pem holds no private key/],
  ['text for a certificate', { certificate: text }, /tls\.certificate \S+text\.pem holds no certificate/],
  ['text for a key', { privateKey: text }, /tls\.privateKey \S+text\.pem holds no private key/],
  ['a certificate that was cut', { certificate: cut }, /tls\.certificate \S+cut\.pem holds no certificate/],
  ['a key for a certificate', { certificate: first.privateKey }, /tls\.certificate \S+first\.key holds no certificate/],
  [
    'the key of another one',
    { privateKey: second.privateKey },
    /tls\.privateKey \S+second\.key is not the key of \S+first\.crt/,
  ],
];

t.test('each fault of the files is told with listener, field and file', async (t) => {
  for (const [what, files, expected] of faults) {
    const tls = { ...first, minVersion: 'TLSv1.2', ...files } as const;
    const error = await readCertificate('edge-tls', tls).then(
      () => new Error('taken'),
      (error: Error) => error,
    );
    t.match(error.message, expected, what);
    t.match(error.message, /^listener edge-tls: /);
  }
});

t.test('meshlane proxy does not start with files that cannot be used, and says why', async (t) => {
  const file = join(tempFolder(t), 'edge.yaml');
  const tls = `{ certificate: ${first.certificate}, privateKey: ${second.privateKey} }`;
  writeFileSync(file, `kind: Proxy\nname: edge\nspec: { listeners: [{ name: web, port: 0, tls: ${tls} }] }\n`);
  const ran = await runCommand(process.execPath, [main, 'proxy', '--config', file]);
  t.not(ran.code, 0);
  t.match(ran.stderr, /listener web: tls\.privateKey \S+second\.key is not the key of \S+first\.crt/);
  t.notMatch(ran.stdout, 'ready');
});

/** A watch that looks often, over files that a test replaces. */
async function watched(t: Owner, files: CertificateFiles) {
  const shown: string[] = [];
  const warnings: string[] = [];
  const log = {
    info: () => undefined,
    warn: (_: string, fields?: object) => void warnings.push(JSON.stringify(fields)),
  };
  const watch = new CertificateWatch(log, (_, { certificate }) => shown.push(certificate));
  t.teardown(() => watch.stop());
  await watch.start(proxyDocument({ listeners: [{ name: 'web', port: 0, tls: files }] }).spec.listeners, 10);
  return { shown, warnings };
}

const textOf = ({ certificate }: CertificateFiles) => readFileSync(certificate, 'utf8');

t.test('files that are replaced one after the other are taken when both fit, and not before', async (t) => {
  const files = { certificate: join(tempFolder(t), 'a.crt'), privateKey: join(tempFolder(t), 'a.key') };
  writeFileSync(files.certificate, textOf(first));
  writeFileSync(files.privateKey, readFileSync(first.privateKey));
  const { shown, warnings } = await watched(t, files);
  writeFileSync(files.certificate, textOf(second));
  await until(() => warnings.length === 1);
  t.match(warnings[0], 'is not the key of');
  t.same(shown, []);
  writeFileSync(files.privateKey, readFileSync(second.privateKey));
  await until(() => shown.length === 1);
  t.same(shown, [textOf(second)]);
});

t.test('files that are emptied or gone leave what was shown, and say so', async (t) => {
  const files = { certificate: join(tempFolder(t), 'a.crt'), privateKey: first.privateKey };
  writeFileSync(files.certificate, textOf(first));
  const { shown, warnings } = await watched(t, files);
  writeFileSync(files.certificate, '');
  await until(() => warnings.length === 1);
  rmSync(files.certificate);
  await until(() => warnings.length === 2);
  t.match(warnings[0], 'holds no certificate');
  t.match(warnings[1], 'cannot be read');
  writeFileSync(files.certificate, textOf(first));
  await until(() => shown.length === 1);
  t.equal(warnings.length, 2);
});

t.test('a link to a folder that is swapped, as Kubernetes does, is followed', async (t) => {
  const place = tempFolder(t);
  for (const [name, files] of [
    ['..1', first],
    ['..2', second],
  ] as const) {
    mkdirSync(join(place, name));
    writeFileSync(join(place, name, 'tls.crt'), textOf(files));
    writeFileSync(join(place, name, 'tls.key'), readFileSync(files.privateKey));
  }
  symlinkSync('..1', join(place, '..data'));
  for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(place, name));
  const { shown, warnings } = await watched(t, {
    certificate: join(place, 'tls.crt'),
    privateKey: join(place, 'tls.key'),
  });
  symlinkSync('..2', join(place, '..data_tmp'));
  renameSync(join(place, '..data_tmp'), join(place, '..data'));
  await until(() => shown.length === 1);
  t.same(shown, [textOf(second)]);
  t.same(warnings, []);
});

t.test('a renewal under load costs no request: new callers see the new certificate, and the others stay', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('served'));
  const proxy = await tlsProxy(t, { resources: serviceAt('app', origin.port), spec: { workers: 2 } });
  const options = { rejectUnauthorized: false };
  const serialOf = (socket: TLSSocket) => socket.getPeerCertificate().serialNumber;
  const old = await proxy.call(t, options);
  const before = serialOf(old.socket as TLSSocket);
  let isOver = false;
  let served = 0;
  const load = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const caller = await proxy.call(t, options);
      caller.send(get());
      if ((await caller.reply()).status === 200) served++;
      caller.end();
    }
  });
  await makeCertificate(join(proxy.files.certificate, '..'), 'app'); // in place of the first
  const seen: string[] = [];
  await until(
    async () => {
      const caller = await proxy.call(t, options);
      seen.push(serialOf(caller.socket as TLSSocket));
      caller.send(get());
      if ((await caller.reply()).status === 200) served++;
      caller.end();
      return seen.slice(-8).every((serial) => serial !== before) && seen.length >= 8;
    },
    { timeoutMs: 20_000 },
  );
  isOver = true;
  await Promise.all(load);
  t.equal(seen[0], before);
  old.send(get());
  t.equal((await old.reply()).status, 200);
  t.ok(served > 50, `${served} served`);
  t.equal(origin.requests.length, served + 1);
  t.equal(await proxy.metric('meshlane_tls_handshakes_failed_total'), 0);
});
