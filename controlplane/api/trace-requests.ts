import { type RequestTracer, startSdk } from '../../observability/tracing/sdk.ts';
import type { FastifyInstance, FastifyRequest } from '../../shared/http/fastify.ts';

/** Traces the requests of the API: one SERVER span each, under the caller's span when it tells it (W3C trace context). */
export async function startTracedApi(endpoint: string, version: string) {
  const sdk = await startSdk({ service: 'meshlane-control-plane', version, endpoint });
  return { traceRequests: (server: FastifyInstance) => traceRequests(server, sdk.tracer), close: () => sdk.close() };
}

function traceRequests(server: FastifyInstance, tracer: RequestTracer): void {
  const spans = new WeakMap<FastifyRequest, ReturnType<RequestTracer['start']>>();
  server.addHook('onRequest', async (request) => {
    const route = request.routeOptions.url ?? 'none';
    const attributes = {
      'http.request.method': request.method,
      'http.route': route,
      'url.path': request.url.split('?', 1)[0]!,
    };
    spans.set(request, tracer.start(`${request.method} ${route}`, request.headers, attributes));
  });
  server.addHook('onResponse', async (request, reply) => {
    spans.get(request)?.end({ 'http.response.status_code': reply.statusCode }, reply.statusCode >= 500);
  });
}
