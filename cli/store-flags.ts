import type { Invocation, Option } from './command.ts';

/** How a command gets into an etcd. */
export const storeOptions: Readonly<Record<string, Option>> = {
  'store-ca': { value: 'FILE', text: 'Certificates to trust etcd by (PEM); turns TLS on, as etcds:// does.' },
  'store-cert': { value: 'FILE', text: 'Certificate that etcd asks for (PEM).' },
  'store-key': { value: 'FILE', text: 'Its private key (PEM).' },
  'store-user': { value: 'NAME', text: 'User of etcd.' },
  'store-password-file': { value: 'FILE', text: 'Where the password is; read again at each login.' },
};

export function readStoreFlags(invocation: Pick<Invocation, 'flag'>) {
  return {
    ca: invocation.flag('store-ca'),
    cert: invocation.flag('store-cert'),
    key: invocation.flag('store-key'),
    user: invocation.flag('store-user'),
    passwordFile: invocation.flag('store-password-file'),
  };
}
