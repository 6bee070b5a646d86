import type { X509Certificate } from 'node:crypto';
import { defaultNamespace } from './namespaces.ts';

const spiffe = 'spiffe://';
const longestIdentity = 2_048;

/**
 * Who a certificate says its holder is: its SPIFFE ID, else the common name of its subject. Null when it says nothing,
 * or more than one thing (X509-SVID §2: exactly one URI).
 */
export function identityOf(certificate: X509Certificate): string | null {
  const uris = namesOf(certificate).filter((name) => name.startsWith('URI:'));
  if (uris.length > 1) return null;
  const uri = uris[0]?.slice('URI:'.length);
  if (uri?.startsWith(spiffe)) return uri.length <= longestIdentity ? uri : null;
  const { CN: commonName } = certificate.toLegacyObject().subject as { CN?: string | string[] };
  // A subject is free text: it must not pass for an ID that an authority gives out with more care.
  if (typeof commonName !== 'string' || commonName.startsWith(spiffe)) return null;
  return /^[\x21-\x7e]{1,253}$/.test(commonName) ? commonName : null;
}

/** The service whose instance has this identity: `spiffe://TRUST/ns/NS/sa/NAME` is NAME.NS, or NAME in `default`. */
export function serviceOf(identity: string): string | null {
  const [, namespace, name] = /^spiffe:\/\/[^/]+\/ns\/([a-z0-9.-]+)\/sa\/([a-z0-9-]+)$/.exec(identity) ?? [];
  if (namespace === undefined || name === undefined) return null;
  return namespace === defaultNamespace ? name : `${name}.${namespace}`;
}

/** Node quotes a name that has a comma or a quote in it (as JSON), so a comma and a space end a name. */
function namesOf({ subjectAltName }: X509Certificate): string[] {
  return subjectAltName?.match(/[A-Za-z0-9 ]+:("(?:[^"\\]|\\.)*"|[^,]*)/g)?.map((name) => name.trimStart()) ?? [];
}
