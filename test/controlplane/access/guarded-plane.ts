import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlaneOptions } from '../../../controlplane/control-plane.ts';
import { type DiscoveryClient, DiscoveryService } from '../../../shared/discovery/discovery.ts';
import { grpc } from '../../../shared/grpc/grpc.ts';
import { Agent, request } from '../../../shared/http/undici.ts';
import type { CertificateFiles } from '../../harness/certificate.ts';
import type { Owner } from '../../harness/owner.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { type Plane, type Reply, startPlane } from '../plane.ts';

/** The tokens of the roles, each with the hash that the access file has of it. */
export const tokens = {
  reader: 'reader-token-0123456789',
  editor: 'editor-token-0123456789',
  admin: 'admin-token-0123456789',
  shopAdmin: 'shop-admin-token-0123456789',
  workload: 'workload-token-0123456789',
} as const;
export type Who = keyof typeof tokens;

export function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export const accessYaml = `
tokens:
  - { name: reader, sha256: ${hashOf(tokens.reader)}, role: reader }
  - { name: editor, sha256: ${hashOf(tokens.editor)}, role: editor, namespaces: [shop] }
  - { name: admin, sha256: ${hashOf(tokens.admin)}, role: admin }
  - { name: shop-admin, sha256: ${hashOf(tokens.shopAdmin)}, role: admin, namespaces: [shop] }
  - { name: cart, sha256: ${hashOf(tokens.workload)}, role: workload, services: [cart.shop] }
identities:
  - { match: "spiffe://mesh/ns/*/sa/*", role: workload }
  - { match: deployer, role: editor, namespaces: [shop] }
`;

export type GuardedPlane = Plane & {
  /** Writes the access file anew. */
  rewrite(yaml: string): void;
  as(who: Who | null, method: string, path: string, body?: unknown): Promise<Reply>;
  readonly audited: () => Record<string, unknown>[];
};

/** A control plane with an access file and an audit log. */
export async function startGuardedPlane(t: Owner, options: ControlPlaneOptions = {}): Promise<GuardedPlane> {
  const folder = tempFolder(t);
  const [access, auditLog] = [join(folder, 'access.yaml'), join(folder, 'audit.log')];
  writeFileSync(access, accessYaml);
  const plane = await startPlane(t, { access, auditLog, lookEveryMs: 20, ...options });
  return {
    ...plane,
    rewrite: (yaml) => writeFileSync(access, yaml),
    as: (who, method, path, body) => plane.call(method, path, body, who ? bearer(tokens[who]) : {}),
    audited: () =>
      readFileSync(auditLog, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
  };
}

export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

export type Shown = {
  readonly token?: string;
  /** Whom the other end must be certified by; without it, in the clear. */
  readonly ca?: string;
  readonly certificate?: CertificateFiles;
};

/** A client of the push port that shows a token, a certificate, or neither. */
export function pushClient(t: Owner, address: string, { token, ca, certificate }: Shown = {}): DiscoveryClient {
  const credentials =
    ca === undefined
      ? grpc.credentials.createInsecure()
      : grpc.credentials.createSsl(
          readFileSync(ca),
          certificate ? readFileSync(certificate.privateKey) : null,
          certificate ? readFileSync(certificate.certificate) : null,
        );
  const showToken: grpc.Interceptor = (options, next) =>
    new grpc.InterceptingCall(next(options), {
      start: (metadata, listener, go) => {
        if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
        go(metadata, listener);
      },
    });
  const client = new DiscoveryService(address, credentials, {
    'grpc.use_local_subchannel_pool': 1,
    interceptors: [showToken],
  }) as unknown as DiscoveryClient;
  t.teardown(() => client.close());
  return client;
}

/** One request over TLS with what is shown; rejects when the handshake fails. */
export async function callSecurely(
  url: string,
  method: string,
  path: string,
  { token, ca, certificate }: Shown,
): Promise<Reply> {
  const dispatcher = new Agent({
    connect: {
      ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
      ...(certificate
        ? { cert: readFileSync(certificate.certificate), key: readFileSync(certificate.privateKey) }
        : {}),
    },
  });
  try {
    const reply = await request(url + path, {
      method: method as 'GET',
      dispatcher,
      headers: token === undefined ? {} : bearer(token),
    });
    const text = await reply.body.text();
    const isJson = /json/.test(String(reply.headers['content-type']));
    return { status: reply.statusCode, headers: reply.headers, body: isJson ? JSON.parse(text) : text };
  } finally {
    await dispatcher.close();
  }
}
