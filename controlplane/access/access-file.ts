/** The file that says who may do what. */
import Type, { type Static } from 'typebox';
import { Value } from 'typebox/value';
import type { Issue, Parsed } from '../../shared/errors/problem.ts';
import { readDocuments } from '../../shared/resources/document-stream.ts';
import { namePattern } from '../../shared/resources/field-schemas.ts';
import { serviceOf } from './certificate-identity.ts';
import { type Grant, type Role, roles } from './grant.ts';
import { Pattern, patternFault } from './pattern.ts';

const mostEntries = 1_000;
/** Of the text that a forgotten variable leaves: nothing. */
const hashOfNothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

const granted = {
  role: Type.Unsafe<Role>({
    type: 'string',
    enum: [...roles],
    description: `one of ${roles.join(', ')}`,
  }),
  namespaces: Type.Optional(
    Type.Array(Type.String({ pattern: namePattern, description: 'a namespace, such as shop' }), {
      minItems: 1,
      maxItems: 256,
      description: 'a list of namespaces to change, such as [shop]',
    }),
  ),
  services: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 253, description: 'a service, which may have one "*"' }), {
      minItems: 1,
      maxItems: 256,
      description: 'a list of services that the workload may be, such as [cart.shop]',
    }),
  ),
};

const TokenEntry = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z0-9][-A-Za-z0-9_.]{0,62}$',
      description: 'a name for logs: up to 63 letters, digits, "-", "_" and "."',
    }),
    sha256: Type.String({
      pattern: '^[0-9a-f]{64}$',
      description: 'the token’s SHA-256 in 64 lower-case hex digits, as meshlane access hash prints it',
    }),
    ...granted,
  },
  { additionalProperties: false, description: 'an object with name, sha256 and role' },
);

const IdentityEntry = Type.Object(
  {
    match: Type.String({
      pattern: '^[\\x21-\\x7e]{1,2048}$',
      description: 'a SPIFFE ID or common name, whose parts may have one "*" each',
    }),
    ...granted,
  },
  { additionalProperties: false, description: 'an object with match and role' },
);

const AccessFile = Type.Object(
  {
    tokens: Type.Optional(Type.Array(TokenEntry, { maxItems: mostEntries, description: 'a list of tokens' })),
    identities: Type.Optional(
      Type.Array(IdentityEntry, { maxItems: mostEntries, description: 'a list of identities' }),
    ),
  },
  { additionalProperties: false, description: 'an object with tokens, identities or both' },
);
type AccessFile = Static<typeof AccessFile>;
type Granted = { role: Role; namespaces?: string[]; services?: string[] };

export type TokenGrant = { readonly name: string; readonly sha256: Buffer; readonly grant: Grant };
export type IdentityGrant = { readonly pattern: Pattern; readonly grant: Grant };
/** In the order of the file; of identities, the first that matches counts. */
export type AccessRules = { readonly tokens: readonly TokenGrant[]; readonly identities: readonly IdentityGrant[] };

/** Reads the text of an access file; tells every fault with its place. */
export function readAccessRules(text: string): Parsed<AccessRules> {
  const read = readDocuments(text);
  if (!read.ok) return read;
  if (read.value.length !== 1)
    return { ok: false, issues: [{ pointer: '', message: `must be one document; got ${read.value.length}` }] };
  const [document] = read.value;
  const issues = shapeFaults(document);
  if (issues.length > 0) return { ok: false, issues };
  const { tokens = [], identities = [] } = document as AccessFile;
  issues.push(...tokenFaults(tokens), ...identities.flatMap(identityFaults));
  if (tokens.length + identities.length === 0)
    issues.push({ pointer: '', message: 'names nobody, so that nobody could do anything; add tokens or identities' });
  if (issues.length > 0) return { ok: false, issues };
  return {
    ok: true,
    value: {
      tokens: tokens.map((token) => ({
        name: token.name,
        sha256: Buffer.from(token.sha256, 'hex'),
        grant: grantOf(token),
      })),
      identities: identities.map((entry) => ({ pattern: new Pattern(entry.match), grant: grantOf(entry) })),
    },
  };
}

function grantOf({ role, namespaces, services = [] }: Granted): Grant {
  return {
    role,
    namespaces: namespaces ? new Set(namespaces) : null,
    services: services.map((service) => new Pattern(service)),
  };
}

function tokenFaults(tokens: readonly Static<typeof TokenEntry>[]): Issue[] {
  return tokens.flatMap((token, i) => {
    const at = `/tokens/${i}`;
    const issues = grantFaults(at, token);
    for (const field of ['name', 'sha256'] as const) {
      const first = tokens.findIndex((other) => other[field] === token[field]);
      if (first < i) issues.push({ pointer: `${at}/${field}`, message: `is the one of /tokens/${first}, too` });
    }
    if (token.sha256 === hashOfNothing)
      issues.push({ pointer: `${at}/sha256`, message: 'is the hash of an empty token' });
    if (token.role === 'workload' && !token.services)
      issues.push({ pointer: `${at}/services`, message: 'is required: a token does not say which service it is' });
    return issues;
  });
}

function identityFaults(entry: Static<typeof IdentityEntry>, i: number): Issue[] {
  const at = `/identities/${i}`;
  const issues = grantFaults(at, entry);
  const fault = patternFault(entry.match);
  if (fault) issues.push({ pointer: `${at}/match`, message: fault });
  if (entry.role === 'workload' && !entry.services && serviceOf(entry.match.replaceAll('*', 'any')) === null)
    issues.push({
      pointer: `${at}/services`,
      message: 'is required: only spiffe://TRUST/ns/NAMESPACE/sa/NAME says which service it is',
    });
  return issues;
}

function grantFaults(at: string, { role, namespaces, services = [] }: Granted): Issue[] {
  const issues: Issue[] = [];
  if (role === 'editor' && !namespaces)
    issues.push({ pointer: `${at}/namespaces`, message: 'is required for the role editor; admin reaches all' });
  if (namespaces && (role === 'reader' || role === 'workload'))
    issues.push({ pointer: `${at}/namespaces`, message: `bounds nothing for the role ${role}; leave it out` });
  if (services.length > 0 && role !== 'workload')
    issues.push({ pointer: `${at}/services`, message: 'is for the role workload only' });
  services.forEach((service, s) => {
    const fault = patternFault(service);
    if (fault) issues.push({ pointer: `${at}/services/${s}`, message: fault });
  });
  return issues;
}

function shapeFaults(document: unknown): Issue[] {
  return Value.Errors(AccessFile, document).flatMap(({ keyword, instancePath, schemaPath, params }): Issue[] => {
    if (keyword === 'boolean') return []; // told by additionalProperties
    if (keyword === 'additionalProperties' || keyword === 'required') {
      const names = Object.values(params).flat() as string[];
      const message = keyword === 'required' ? 'is required' : 'is an unknown field';
      return names.map((name) => ({ pointer: `${instancePath}/${name}`, message }));
    }
    const schema = Value.Pointer.Get(AccessFile, schemaPath.slice(1)) as { description?: string } | undefined;
    return [{ pointer: instancePath, message: `must be ${schema?.description ?? keyword}` }];
  });
}
