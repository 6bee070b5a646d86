/** The part of the OpenAPI document about revisions: history, differences, rollback, and what a change would do. */

type Json = Record<string, unknown>;

const number = { type: 'integer' };
const text = { type: 'string' };
const object = { type: 'object' };
const content = (schema: Json): Json => ({ 'application/json': { schema } });
const answer = (description: string, schema: Json): Json => ({ description, content: content(schema) });
const problem = (description: string): Json => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
});
const query = (name: string, description: string, more: Json = {}): Json => ({
  name,
  in: 'query',
  schema: number,
  description,
  ...more,
});
const list = (properties: Json): Json => ({ type: 'array', items: { type: 'object', properties } });
const head = { revision: number, at: { ...text, format: 'date-time' }, by: text, summary: text, note: text };
const forgotten = problem('The history does not reach back so far.');

export const historyPaths: Readonly<Record<string, Json>> = {
  '/v1/history': {
    get: {
      tags: ['Mesh'],
      operationId: 'listHistory',
      summary: 'The last changes of the configuration, newest first',
      parameters: [
        query('limit', 'Items of one page.', { schema: { type: 'integer', minimum: 1, maximum: 1000, default: 20 } }),
        query('before', 'Only changes before this revision: `before` of the page before.'),
      ],
      responses: {
        '200': answer('A page.', {
          type: 'object',
          properties: { items: list(head), revision: number, before: number },
        }),
      },
    },
  },
  '/v1/history/{revision}': {
    parameters: [{ name: 'revision', in: 'path', required: true, schema: number }],
    get: {
      tags: ['Mesh'],
      operationId: 'getHistory',
      summary: 'What one change made of each resource',
      responses: {
        '200': answer('The resources before and after it.', {
          type: 'object',
          properties: { ...head, changes: list({ action: text, key: text, before: object, after: object }) },
        }),
        '404': problem('No change of the configuration is known at that revision.'),
      },
    },
  },
  '/v1/diff': {
    get: {
      tags: ['Mesh'],
      operationId: 'getDiff',
      summary: 'How the configuration differs between two revisions',
      parameters: [
        query('from', 'The configuration after this revision.', { required: true }),
        query('to', 'The configuration after this one; the current one when it is left out.'),
      ],
      responses: {
        '200': answer('By resource; where one changed, by pointer (RFC 6901).', {
          type: 'object',
          properties: {
            from: number,
            to: number,
            resources: list({
              kind: text,
              name: text,
              change: { enum: ['added', 'removed', 'changed'] },
              before: object,
              after: object,
              changes: list({ pointer: text, before: {}, after: {} }),
            }),
          },
        }),
        '404': forgotten,
      },
    },
  },
  '/v1/rollback': {
    post: {
      tags: ['Mesh'],
      operationId: 'rollback',
      summary: 'Make the configuration what it was after a revision',
      description:
        'One write with all the checks of another; it reaches all sidecars at once. Instances are left alone, and so are services that came later and have some: `kept` names them.',
      parameters: [
        query('dryRun', 'Check and show the effect; nothing is stored.', {
          schema: { type: 'boolean', default: false },
        }),
        query('confirm', 'Do it even if it takes away every route.', { schema: { type: 'boolean', default: false } }),
      ],
      requestBody: {
        required: true,
        content: content({ type: 'object', required: ['revision'], properties: { revision: number } }),
      },
      responses: {
        '200': answer('What was done.', { $ref: '#/components/schemas/Effects' }),
        '400': problem('A resource of then would not be valid now; one entry of `errors` per fault.'),
        '404': forgotten,
        '409': problem('A service that would go is in use, or every route would go; the detail says so.'),
        '412': problem('The configuration changed each of three times while it was decided; nothing was done.'),
      },
    },
  },
  '/v1/plan': {
    post: {
      tags: ['Mesh'],
      operationId: 'plan',
      summary: 'Which of some requests a change would send elsewhere',
      description: 'Checks the resources as a dry run of `/v1/apply` does, and stores nothing.',
      requestBody: {
        required: true,
        content: content({
          type: 'object',
          required: ['resources', 'requests'],
          properties: {
            resources: { type: 'array', maxItems: 10_000, items: object },
            requests: list({ method: text, host: text, path: text, headers: object, source: object }),
          },
        }),
      },
      responses: {
        '200': answer('The effects, and the requests that go elsewhere: by which rule and to which backends.', {
          type: 'object',
          properties: {
            revision: number,
            effects: list({ action: text, resource: object }),
            requests: number,
            rerouted: list({ index: number, before: object, after: object }),
          },
        }),
        '400': problem('Not valid; one entry of `errors` per fault.'),
      },
    },
  },
};
