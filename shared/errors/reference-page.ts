import { type ErrorFacts, errorTable } from './error-table.ts';

const faultOf: Readonly<Record<ErrorFacts['origin'], string>> = {
  downstream: 'the caller',
  local: 'the mesh',
  upstream: 'the instance',
};

const retriedWhen: Readonly<Record<ErrorFacts['retry'], string>> = {
  never: 'never',
  'if-idempotent': '`retry.on` has `reset` and `retry.methods` the method',
  always: '`retry.on` has `connect-failure`: nothing reached the application, so any method',
};

/** The reference page of the error codes, in Markdown. */
export function errorPage(): string {
  const rows = Object.entries(errorTable).map(([code, { http, grpc, origin, retry, text }]) =>
    ['', `\`${code}\``, http, grpc, faultOf[origin], retriedWhen[retry], text, ''].join(' | ').trim(),
  );
  return [
    '<!-- Made by `npm run generate` from shared/errors/error-table.ts. Do not edit. -->',
    '',
    '# Error codes',
    '',
    'When a proxy answers a request itself, the reply names the reason in its field `x-meshlane-reason`, and its body says it in a',
    'sentence. The same words stand in the label `reason` of `meshlane_local_replies_total` and `cause` of',
    '`meshlane_retries_total` ([metrics](metrics.md)), and in `error.type` of the spans of failed tries. A sidecar takes the field',
    'off what its application sends. A gRPC caller gets status 200 and the gRPC status below, with the sentence as its message.',
    '',
    'A failure is tried again only within the attempts, the time and the budget of the service’s [policy](policy.md), and while',
    'the body of the request is still held. What the next proxy answered is judged by the word in its reply.',
    '',
    '| code | HTTP | gRPC | whose fault | retried when | text |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
    'What the control API refuses is `application/problem+json` (RFC 9457) with one entry per fault; its kinds stand on the page',
    '`/docs` of a running control plane.',
    '',
  ].join('\n');
}
