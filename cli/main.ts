import { enableCompileCache } from 'node:module';

// Stripped and compiled sources are kept between runs: a start costs a third, and the stripper stays out of memory.
enableCompileCache();

const { main } = await import('./meshlane.ts');
process.exitCode = await main(process.argv.slice(2), process.env);
