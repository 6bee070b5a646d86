/** The OpenAPI 3.1 document, made of the schemas that requests are read with. */
import { type Kind, kinds, plurals } from '../../shared/resources/resource.ts';
import { documentSchemas } from '../../shared/resources/schema.ts';
import { historyPaths } from './history-paths.ts';
import { holdPaths } from './hold-paths.ts';

type Json = Record<string, unknown>;

const reference = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const content = (schema: Json): Json => ({ 'application/json': { schema } });
const problem = (description: string): Json => ({
  description,
  content: { 'application/problem+json': { schema: reference('Problem') } },
});
const answer = (description: string, schema: Json, headers?: Json): Json => ({
  description,
  ...(headers ? { headers } : {}),
  content: content(schema),
});

const nameParameter = { name: 'name', in: 'path', required: true, schema: { type: 'string' } };
const dryRun = {
  name: 'dryRun',
  in: 'query',
  schema: { type: 'boolean', default: false },
  description: 'Check and show the effect; nothing is stored.',
};
const confirm = {
  name: 'confirm',
  in: 'query',
  schema: { type: 'boolean', default: false },
  description: 'Do it even if it takes away every route, or more than half of a service’s instances.',
};
const ifMatch = {
  name: 'If-Match',
  in: 'header',
  schema: { type: 'string' },
  description: 'Change only when the resource is at this revision (its ETag).',
};
const ifNoneMatch = {
  name: 'If-None-Match',
  in: 'header',
  schema: { type: 'string' },
  description: '`*`: change only when there is no such resource.',
};
const etag = { ETag: { description: 'The revision, in quotes.', schema: { type: 'string' } } };
const written = {
  ...etag,
  'x-meshlane-revision': {
    description: 'Store revision to ask `/v1/rollouts/{revision}` about.',
    schema: { type: 'integer' },
  },
};

export function openApiDocument(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const kind of kinds) Object.assign(paths, pathsOf(kind));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Meshlane control API',
      version,
      description:
        'Resources of the mesh, how far their changes have come, and who is connected. Every error is application/problem+json.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths: { ...paths, ...meshPaths, ...historyPaths, ...holdPaths },
    security: [{ token: [] }, { certificate: [] }],
    components: {
      schemas: schemas(),
      securitySchemes: { token: { type: 'http', scheme: 'bearer' }, certificate: { type: 'mutualTLS' } },
    },
  };
}

function pathsOf(kind: Kind): Record<string, Json> {
  const plural = plurals[kind];
  const input = {
    required: true,
    content: { ...content(reference(`${kind}Input`)), 'application/yaml': { schema: reference(`${kind}Input`) } },
  };
  const refusals = {
    '400': problem('Not valid; one entry of `errors` per fault.'),
    '412': problem('If-Match or If-None-Match does not hold.'),
  };
  return {
    [`/v1/${plural}`]: {
      get: {
        tags: [kind],
        operationId: `list${kind}s`,
        summary: `List or watch the ${plural}`,
        parameters: [
          {
            name: 'limit',
            in: 'query',
            schema: { type: 'integer', minimum: 1, maximum: 1000 },
            description: 'Items of one page; without it, all.',
          },
          { name: 'continue', in: 'query', schema: { type: 'string' }, description: '`continue` of the page before.' },
          {
            name: 'watch',
            in: 'query',
            schema: { type: 'boolean', default: false },
            description:
              'Answer as server-sent events: `added` for the whole list, `synced`, then `added`, `modified` and `removed`. `id` is the revision.',
          },
        ],
        responses: {
          '200': answer(`A page of ${plural}, by name.`, listOf(kind)),
          '400': problem('Unknown or wrong query parameter.'),
        },
      },
    },
    [`/v1/${plural}/{name}`]: {
      parameters: [nameParameter],
      get: {
        tags: [kind],
        operationId: `get${kind}`,
        summary: `Read one of the ${plural}`,
        responses: {
          '200': answer('The resource.', reference(kind), etag),
          '304': { description: 'If-None-Match names its revision.' },
          '404': problem('There is none of that name.'),
        },
      },
      put: {
        tags: [kind],
        operationId: `put${kind}`,
        summary: `Create or change one of the ${plural}`,
        description: '`kind` and `name` may be left out; when given, they must agree with the path.',
        parameters: [dryRun, confirm, ifMatch, ifNoneMatch],
        requestBody: input,
        responses: {
          '200': answer('Changed, or unchanged at the same revision.', reference(kind), written),
          '201': answer('Created.', reference(kind), written),
          ...refusals,
          '503': problem('The store does not answer.'),
        },
      },
      delete: {
        tags: [kind],
        operationId: `delete${kind}`,
        summary: `Remove one of the ${plural}`,
        parameters: [dryRun, confirm, ifMatch],
        responses: {
          '200': answer('The resource as it was.', reference(kind), {
            'x-meshlane-revision': written['x-meshlane-revision'],
          }),
          '404': problem('There is none of that name.'),
          '409': problem(
            kind === 'Service' ? 'It is in use; the detail names its users.' : 'Too much would be lost at once.',
          ),
          '412': refusals['412'],
        },
      },
    },
  };
}

function listOf(kind: Kind): Json {
  return {
    type: 'object',
    required: ['items', 'revision'],
    properties: {
      items: { type: 'array', items: reference(kind) },
      revision: { type: 'integer', description: 'Store revision of the list.' },
      continue: { type: 'string', description: 'There are more; ask for the next page with it.' },
    },
  };
}

const resources = {
  type: 'array',
  minItems: 1,
  maxItems: 10_000,
  items: { oneOf: kinds.map((kind) => reference(`${kind}Input`)) },
};

const meshPaths: Record<string, Json> = {
  '/v1/apply': {
    post: {
      tags: ['Mesh'],
      operationId: 'apply',
      summary: 'Create or change many resources, all or nothing',
      description:
        'All at one revision. A YAML body is a stream of documents. Pointers of faults start with `/resources/{index}`.',
      parameters: [dryRun, confirm],
      requestBody: {
        required: true,
        content: {
          ...content({
            type: 'object',
            required: ['resources'],
            properties: { resources },
            additionalProperties: false,
          }),
          'application/yaml': { schema: { type: 'string' } },
        },
      },
      responses: {
        '200': answer('What was done.', reference('Effects'), written),
        '400': problem('Not valid; one entry of `errors` per fault in any document.'),
      },
    },
  },
  '/v1/instances/{name}/heartbeat': {
    parameters: [nameParameter],
    post: {
      tags: ['Mesh'],
      operationId: 'heartbeat',
      summary: 'Renew the lease of an instance',
      responses: {
        '200': answer('Renewed; no new revision.', reference('Renewal')),
        '404': problem('It is gone; register it again.'),
      },
    },
  },
  '/v1/rollouts/{revision}': {
    parameters: [
      {
        name: 'revision',
        in: 'path',
        required: true,
        schema: { oneOf: [{ type: 'integer' }, { const: 'latest' }] },
        description: 'A store revision, or `latest`.',
      },
    ],
    get: {
      tags: ['Mesh'],
      operationId: 'getRollout',
      summary: 'How far the changes of a revision have come',
      responses: {
        '200': answer('Who applied it, who lags, who refused it and why.', reference('Rollout')),
        '404': problem('Nothing is known of that revision.'),
      },
    },
  },
  '/v1/sidecars': {
    get: {
      tags: ['Mesh'],
      operationId: 'listSidecars',
      summary: 'Connected sidecars and the ones that left in the last minute',
      responses: {
        '200': answer(
          'By name; `elsewhere` counts those of the other control planes, and `revision` is that of the last change that all are to have.',
          { type: 'object' },
        ),
      },
    },
  },
  '/v1/xds': {
    get: {
      tags: ['Mesh'],
      operationId: 'getXds',
      summary: 'Clients of xDS and what they cannot be told',
      responses: {
        '200': answer('What each client was sent, took and refused; what of the mesh has no equal in xDS.', {
          type: 'object',
        }),
        '404': problem('xDS is not served.'),
      },
    },
  },
  '/v1/status': {
    get: {
      tags: ['Mesh'],
      operationId: 'getStatus',
      summary: 'The mesh at a glance',
      responses: { '200': answer('Counts, sidecars, services and the latest rollout.', { type: 'object' }) },
    },
  },
};

function schemas(): Json {
  const text = { type: 'string' };
  const number = { type: 'integer' };
  const key = { kind: { enum: [...kinds] }, name: text };
  const list = (properties: Json) => ({ type: 'array', items: { type: 'object', properties } });
  return {
    ...Object.fromEntries(
      kinds.flatMap((kind) => [
        [kind, documentSchemas[kind]],
        [`${kind}Input`, withoutDefaulted(documentSchemas[kind])],
      ]),
    ),
    Problem: {
      type: 'object',
      required: ['type', 'title', 'status'],
      description: 'RFC 9457',
      properties: {
        type: text,
        title: text,
        status: number,
        detail: text,
        errors: list({ pointer: { ...text, description: 'RFC 6901 pointer into the request.' }, message: text }),
      },
    },
    Effects: {
      type: 'object',
      properties: {
        revision: number,
        effects: list({
          action: { enum: ['created', 'changed', 'unchanged', 'removed'] },
          resource: { oneOf: kinds.map((kind) => reference(kind)) },
        }),
      },
    },
    Renewal: { type: 'object', properties: { name: text, revision: number, leaseSeconds: number } },
    Rollout: {
      type: 'object',
      properties: {
        revision: number,
        resources: list(key),
        state: { enum: ['applied', 'progressing', 'rejected'] },
        summary: { ...text, examples: ['applied 40/40'] },
        applied: number,
        total: number,
        laggards: list({ sidecar: text, service: text, acked: number, connected: { type: 'boolean' } }),
        rejected: list({ sidecar: text, ...key, revision: number, error: text }),
        unheard: {
          ...list({ replica: text, sidecars: number }),
          description:
            'Other control planes that have not told yet, and how many of their sidecars nothing is known of.',
        },
        disconnected: list({ sidecar: text, service: text, acked: number }),
      },
    },
  };
}

/** What may be sent: a field that has a default, or that only the mesh sets, can be left out. */
function withoutDefaulted(schema: unknown, isTop = true): unknown {
  if (Array.isArray(schema)) return schema.map((item) => withoutDefaulted(item, false));
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy: Json = {};
  for (const [field, value] of Object.entries(schema)) copy[field] = withoutDefaulted(value, false);
  const properties = copy['properties'] as Record<string, Json> | undefined;
  if (Array.isArray(copy['required']) && properties)
    copy['required'] = copy['required'].filter((name: string) => properties[name]?.['default'] === undefined);
  if (isTop && properties) {
    delete properties['status'];
    delete properties['revision'];
  }
  return copy;
}
