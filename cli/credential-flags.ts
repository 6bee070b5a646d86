import { type Invocation, type Option, UsageError } from './command.ts';

/** What a sidecar shows the control plane, as its flags say; each null where there is none. */
export type CredentialFlags = {
  readonly ca: string | null;
  readonly certificate: string | null;
  readonly privateKey: string | null;
  readonly token: string | null;
};

export const credentialOptions: Readonly<Record<string, Option>> = {
  'control-plane-ca': {
    value: 'FILE',
    text: 'Speaks TLS to the control plane, whose certificate must be of these authorities (PEM).',
  },
  'control-plane-cert': { value: 'FILE', text: 'Certificate that says who this sidecar is (PEM).' },
  'control-plane-key': { value: 'FILE', text: 'Its private key (PEM).' },
  'control-plane-token-file': { value: 'FILE', text: 'Holds the token that says who this sidecar is.' },
};

/** Null when there is nothing to show and nothing to check. */
export function credentialsOf({ flag, isSet }: Invocation): CredentialFlags | null {
  const set = Object.keys(credentialOptions).filter(isSet);
  if (set.length === 0) return null;
  if (!isSet('control-plane')) throw new UsageError(`--${set[0]} does nothing without --control-plane`);
  const flags = {
    ca: flag('control-plane-ca') ?? null,
    certificate: flag('control-plane-cert') ?? null,
    privateKey: flag('control-plane-key') ?? null,
    token: flag('control-plane-token-file') ?? null,
  };
  if ((flags.certificate === null) !== (flags.privateKey === null))
    throw new UsageError('--control-plane-cert and --control-plane-key go together');
  if (flags.certificate !== null && flags.ca === null)
    throw new UsageError('--control-plane-cert needs TLS: give --control-plane-ca as well');
  return flags;
}
