import { formatAddress, parseAddress } from '../../shared/discovery/address.ts';
import { type Command, UsageError } from '../command.ts';
import { protectionOf } from '../protection-flags.ts';
import { readStoreFlags, storeOptions } from '../store-flags.ts';
import { untilStopped } from '../until-stopped.ts';
import { version } from '../version.ts';

export const command: Command = {
  name: 'control-plane',
  summary: 'Stores services, instances, routes and policies, and pushes them to the sidecars.',
  options: {
    api: {
      value: 'HOST:PORT',
      default: '127.0.0.1:15080',
      text: 'Control API (REST), its documentation, /healthz, /readyz, /metrics.',
    },
    push: { value: 'HOST:PORT', default: '127.0.0.1:15010', text: 'Push stream to the sidecars (gRPC).' },
    xds: {
      value: 'HOST:PORT',
      text: 'Serve Envoy and gRPC clients by xDS v3, too, such as on 127.0.0.1:15012; off without it.',
    },
    store: {
      value: 'STORE',
      default: 'sqlite:meshlane.db',
      text: 'sqlite:FILE, sqlite::memory:, etcd://HOST:PORT[,HOST:PORT][/PREFIX] or etcds://... for TLS.',
    },
    ...storeOptions,
    access: { value: 'FILE', text: 'Who may do what: tokens, identities and their roles. See docs/access.md' },
    'tls-cert': { value: 'FILE', text: 'Certificate that all ports show, PEM; read again when it changes.' },
    'tls-key': { value: 'FILE', text: 'Its private key, PEM.' },
    'client-ca': { value: 'FILE', text: 'Authorities whose certificates say who a client is, PEM.' },
    'open-metrics': { text: '/metrics, /docs and /openapi.json for everybody.' },
    'audit-log': {
      value: 'FILE',
      text: 'Writes each change and each refused attempt there, one JSON a line; - is stdout.',
    },
    insecure: {
      text: 'Without --access: lets everybody on this machine do everything. With it: takes tokens in the clear.',
    },
    otlp: { value: 'URL', text: 'Trace API requests to this OTLP/HTTP endpoint, such as http://127.0.0.1:4318.' },
  },
  details: [
    'Examples:',
    '  meshlane control-plane --insecure',
    '  meshlane control-plane --access access.yaml --tls-cert tls.crt --tls-key tls.key --api 0.0.0.0:15080 --push 0.0.0.0:15010',
    '  meshlane control-plane --store etcd://127.0.0.1:2379 --api :8080 --insecure',
    '',
    'SIGTERM ends it once the requests under way are answered, after 2 s at most. A second one stops it at once.',
    'The API is described at /docs and, for machines, at /openapi.json.',
  ].join('\n'),
  async run(invocation) {
    const address = (name: string) => {
      try {
        return parseAddress(invocation.flag(name)!, `--${name}`);
      } catch (error) {
        throw new UsageError((error as Error).message);
      }
    };
    const otlp = invocation.flag('otlp');
    if (otlp !== undefined && !/^https?:\/\/[^ ]+$/.test(otlp))
      throw new UsageError(`--otlp must be a URL such as http://127.0.0.1:4318; got "${otlp}"`);
    const [api, push, store] = [address('api'), address('push'), invocation.flag('store')!];
    const xds = invocation.flag('xds') === undefined ? null : address('xds');
    const protection = protectionOf(invocation, xds ? [api, push, xds] : [api, push]);
    const stop = untilStopped();
    const abort = new AbortController();
    void stop.promise.then(() => abort.abort());
    const { startControlPlane } = await import('../../controlplane/control-plane.ts');
    const plane = await startControlPlane({
      api,
      push,
      ...(xds ? { xds } : {}),
      store,
      storeAccess: readStoreFlags(invocation),
      version,
      ...protection,
      signal: abort.signal,
      ...(otlp === undefined ? {} : { otlp }),
    });
    const xdsText = plane.xdsAddress ? ` xds ${formatAddress(plane.xdsAddress)}` : '';
    process.stdout.write(
      `ready: api ${protection.tls ? 'https' : 'http'}://${formatAddress(plane.apiAddress)} push ${formatAddress(plane.pushAddress)}${xdsText} store ${plane.store}\n`,
    );
    if (invocation.flag('audit-log') !== undefined) process.on('SIGHUP', plane.reopenAuditLog);
    await stop.promise;
    await Promise.race([plane.close(), stop.again]);
    return 0;
  },
};
