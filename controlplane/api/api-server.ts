import type { Log } from '../../observability/logging/log.ts';
import { type Address, listenError } from '../../shared/discovery/address.ts';
import { closeHttpServer, type FastifyInstance, newHttpServer } from '../../shared/http/fastify.ts';
import type { Clock } from '../../shared/time/clock.ts';
import { type ApiGuardOptions, guardApi } from '../access/api-guard.ts';
import type { ServerTls } from '../access/server-tls.ts';
import type { History } from '../history/history.ts';
import { addApplyRoute } from './apply-route.ts';
import { bodyLimitBytes, takeBodies } from './body.ts';
import { docsPage } from './docs-page.ts';
import { addHistoryRoutes } from './history-routes.ts';
import { addHoldRoutes } from './hold-routes.ts';
import { addMeshRoutes, type MeshParts } from './mesh-routes.ts';
import { controlPlaneMetrics, measureRequests } from './metrics.ts';
import { openApiDocument } from './openapi.ts';
import { addPlanRoute } from './plan-route.ts';
import { addResourceRoutes } from './resource-routes.ts';
import { Watches } from './watches.ts';
import { addXdsRoute } from './xds-route.ts';

export type ApiParts = MeshParts & {
  readonly history: History;
  readonly clock: Clock;
  readonly log: Log;
  readonly guard: ApiGuardOptions;
  /** Null: in the clear. */
  readonly tls: ServerTls | null;
  /** Added to each request when tracing is on. */
  readonly trace?: (server: FastifyInstance) => void;
};

export type ApiServer = { readonly address: Address; close(): Promise<void> };

const mostConnections = 10_000;

/** Serves the control API; rejects with one line that names the port and the flag when it cannot listen. */
export async function startApiServer(parts: ApiParts, address: Address): Promise<ApiServer> {
  const { catalog, registry, store, clock, log, tls } = parts;
  const server = newHttpServer({
    ...(tls ? { https: tls.options } : {}),
    bodyLimit: bodyLimitBytes,
    forceCloseConnections: 'idle',
    keepAliveTimeout: 75_000,
    requestTimeout: 30_000,
    onFault: (error, url) => log.warn('a request failed', { url, error: error.stack }),
  });
  server.server.maxConnections = mostConnections;
  tls?.attach(server.server);
  const watches = new Watches(catalog, clock);
  const metrics = controlPlaneMetrics(parts, watches);
  takeBodies(server);
  measureRequests(server, metrics);
  parts.trace?.(server);
  guardApi(server, parts.guard);
  addResourceRoutes(server, catalog, registry, watches);
  addApplyRoute(server, registry);
  addMeshRoutes(server, parts);
  addXdsRoute(server, parts.xds ?? null);
  addPlanRoute(server, catalog, registry);
  addHistoryRoutes(server, catalog, registry, parts.history);
  addHoldRoutes(server, parts.holds);

  const document = openApiDocument(parts.version);
  const page = docsPage(document);
  let isStopping = false;
  server.get('/openapi.json', (_request, reply) => reply.send(document));
  server.get('/docs', (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .send(page),
  );
  server.get('/', (_request, reply) => reply.redirect('/docs'));
  server.get('/healthz', (_request, reply) => reply.type('text/plain').send('ok\n'));
  server.get('/readyz', (_request, reply) => {
    const { problem } = store.following;
    const why = isStopping ? 'stopping' : problem && `the store cannot be reached: ${problem}`;
    return reply
      .status(why ? 503 : 200)
      .type('text/plain')
      .send(`${why ?? 'ok'}\n`);
  });
  server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));

  try {
    await server.listen({ host: address.host, port: address.port });
  } catch (error) {
    watches.close();
    await server.close();
    throw listenError(error, address, '--api');
  }
  const bound = server.server.address();
  return {
    address: { host: address.host, port: typeof bound === 'object' && bound ? bound.port : address.port },
    close: async () => {
      isStopping = true;
      watches.close();
      await closeHttpServer(server);
    },
  };
}
