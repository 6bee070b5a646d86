// The entry of a worker thread; the cache is per thread. See cli/main.mjs.
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/meshlane', import.meta.url)));

await import('./worker.ts');
