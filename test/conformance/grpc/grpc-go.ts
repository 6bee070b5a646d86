import type { Owner } from '../../harness/owner.ts';
import { peer } from '../../harness/peers.ts';
import { startProcess } from '../../harness/process.ts';
import { runCommand } from '../../harness/run-command.ts';
import type { CaseName } from './cases.ts';

/** grpc-go's own interop client and server, which decide for themselves what passes. */

const soakFlags = [
  '--soak_iterations=50',
  // How long a call may take is no concern of these cases, and the machine may be busy.
  '--soak_per_iteration_max_acceptable_latency_ms=20000',
  '--soak_overall_timeout_seconds=60',
];

/** Runs one case in a process of its own; rejects with what the client said when it does not pass. */
export async function runGrpcGoCase(port: number, name: CaseName): Promise<void> {
  const args = ['--server_host=127.0.0.1', `--server_port=${port}`, '--use_tls=false', `--test_case=${name}`];
  const client = await peer('grpc-go-client');
  if (client === null) throw new Error('the grpc-go client is missing');
  const { code, stderr } = await runCommand(client, [...args, ...soakFlags], { timeoutMs: 60_000 });
  if (code !== 0) throw new Error(stderr.trim().split('\n').at(-1));
}

/** Resolves with the port. It listens on every address of the machine: there is no flag for one. */
export async function startGrpcGoServer(t: Owner): Promise<number> {
  const command = await peer('grpc-go-server');
  if (command === null) throw new Error('the grpc-go server is missing');
  const listening = /interop server listening on \S*:(\d+)/;
  const server = await startProcess({
    command,
    args: ['--port=0', '--use_tls=false'],
    env: { GRPC_GO_LOG_SEVERITY_LEVEL: 'info' },
    ready: listening,
    t,
  });
  return Number(listening.exec(server.output())![1]);
}
