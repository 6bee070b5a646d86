import { isIPv6 } from 'node:net';
import { type Address, formatAddress } from '../shared/discovery/address.ts';
import { type Invocation, UsageError } from './command.ts';

/** Whom a control plane listens to, as its flags say. */
export type ProtectionFlags = {
  readonly access?: string;
  readonly openMetrics: boolean;
  readonly tls?: { readonly certificate: string; readonly privateKey: string; readonly clientCa?: string };
  readonly auditLog?: string;
};

/** Throws a UsageError of one line for a control plane that would listen to everybody, or take secrets in the clear. */
export function protectionOf(invocation: Invocation, listeners: readonly Address[]): ProtectionFlags {
  const { flag } = invocation;
  const access = flag('access');
  const [certificate, privateKey, clientCa] = [flag('tls-cert'), flag('tls-key'), flag('client-ca')];
  const auditLog = flag('audit-log');
  if ((certificate === undefined) !== (privateKey === undefined))
    throw new UsageError('--tls-cert and --tls-key go together');
  if (clientCa !== undefined && (certificate === undefined || access === undefined))
    throw new UsageError('--client-ca says who clients are; it needs --tls-cert, --tls-key and --access');
  const exposed = listeners.find(({ host }) => !isLoopback(host));
  const isInsecure = invocation.isSet('insecure');
  if (access === undefined && (!isInsecure || exposed))
    throw new UsageError(
      exposed
        ? `everybody who reaches ${formatAddress(exposed)} could change the mesh; give --access FILE (docs/access.md), or listen on 127.0.0.1`
        : 'give --access FILE (docs/access.md), or --insecure to let everybody on this machine do everything',
    );
  if (exposed && certificate === undefined && !isInsecure)
    throw new UsageError(
      `tokens would come to ${formatAddress(exposed)} in the clear; give --tls-cert and --tls-key, or --insecure where something else encrypts`,
    );
  return {
    openMetrics: invocation.isSet('open-metrics'),
    ...(access === undefined ? {} : { access }),
    ...(certificate === undefined || privateKey === undefined
      ? {}
      : { tls: { certificate, privateKey, ...(clientCa === undefined ? {} : { clientCa }) } }),
    ...(auditLog === undefined ? {} : { auditLog }),
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || (isIPv6(host) ? host === '::1' : /^127(\.[0-9]+){3}$/.test(host));
}
