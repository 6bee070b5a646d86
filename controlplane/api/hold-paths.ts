import { kinds } from '../../shared/resources/resource.ts';

const text = { type: 'string' };
const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
});

const hold = {
  type: 'object',
  properties: {
    id: text,
    cause: { enum: ['listing', 'leases', 'sidecars'] },
    why: text,
    since: { type: 'string', format: 'date-time' },
    resources: { type: 'array', items: { type: 'object', properties: { kind: { enum: [...kinds] }, name: text } } },
    sidecars: { type: 'array', items: text },
  },
};

const decision = {
  type: 'object',
  required: ['confirm'],
  properties: { confirm: { type: 'boolean', description: 'true lets go of what is held, false restores it.' } },
  additionalProperties: false,
};

const decided = {
  type: 'object',
  properties: { id: text, decision: { enum: ['confirmed', 'restored'] }, revision: { type: 'integer' } },
};

/** The part of the OpenAPI document about holds. */
export const holdPaths = {
  '/v1/holds': {
    get: {
      tags: ['Mesh'],
      operationId: 'listHolds',
      summary:
        'What is kept although the store lost it or its lease ran out, and the sidecars left with what they have',
      responses: {
        '200': {
          description: 'Every hold, with its reason.',
          content: {
            'application/json': { schema: { type: 'object', properties: { items: { type: 'array', items: hold } } } },
          },
        },
      },
    },
  },
  '/v1/holds/{id}': {
    parameters: [{ name: 'id', in: 'path', required: true, schema: text }],
    post: {
      tags: ['Mesh'],
      operationId: 'decideHold',
      summary: 'Let go of what is held, or restore it',
      requestBody: { required: true, content: { 'application/json': { schema: decision } } },
      responses: {
        '200': { description: 'Decided.', content: { 'application/json': { schema: decided } } },
        '400': problem('It is no decision, or not one that this hold takes.'),
        '404': problem('There is no such hold (any more).'),
        '409': problem('Something refers to what is held; restore it, or change that first.'),
        '503': problem('The store does not answer.'),
      },
    },
  },
};
