// `npm run conformance -- NAME`: standards as data, through Meshlane and its peers. Not part of the product.
import { helpOf, readInvocation, UsageError } from '../../cli/command.ts';
import { command as gatewayApi } from './gateway-api/command.ts';
import { command as grpc } from './grpc/command.ts';
import { command as http1 } from './http1/command.ts';
import { command as http2 } from './http2/command.ts';

const commands = [http1, http2, grpc, gatewayApi];
const program = 'npm run conformance --';
const help = `Runs what standards say through Meshlane and the real peers, which are found or installed first.

Usage: ${program} NAME [flags]

${commands.map(({ name, summary }) => `  ${name.padEnd(12)} ${summary}\n`).join('')}
${program} NAME --help shows the flags of one.
`;

async function main([name, ...rest]: readonly string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(help);
    return name === undefined ? 2 : 0;
  }
  const command = commands.find((one) => one.name === name);
  if (!command) {
    process.stderr.write(`conformance: there is no "${name}". See: ${program} --help\n`);
    return 2;
  }
  const asConformance = (text: string) => text.replaceAll(`meshlane ${name}`, `${program} ${name}`);
  try {
    const invocation = readInvocation(command, rest, {});
    if (invocation !== 'help') return await command.run(invocation);
    process.stdout.write(asConformance(helpOf(command)));
    return 0;
  } catch (error) {
    process.stderr.write(`conformance ${name}: ${asConformance((error as Error).message)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
