/**
 * The cases of grpc/grpc's interop-test-descriptions.md that need no cloud, by their names there, and two of load that are
 * bounded here (`concurrent_large_unary`, `rpc_soak`).
 */
const uncompressedCases = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'custom_metadata',
  'status_code_and_message',
  'special_status_message',
  'unimplemented_method',
  'unimplemented_service',
  'cancel_after_begin',
  'cancel_after_first_response',
  'timeout_on_sleeping_server',
  'rpc_soak',
  'concurrent_large_unary',
] as const;
const compressedRequestCases = ['client_compressed_unary', 'client_compressed_streaming'] as const;
const compressedReplyCases = ['server_compressed_unary', 'server_compressed_streaming'] as const;
const compressedCases = [...compressedRequestCases, ...compressedReplyCases] as const;

export const caseNames = [...uncompressedCases, ...compressedCases] as const;
export type CaseName = (typeof caseNames)[number];
export type CompressedReplyCase = (typeof compressedReplyCases)[number];

export const clientNames = ['grpc-js', 'grpc-go', 'node-http2'] as const;
export type ClientName = (typeof clientNames)[number];
export const serverNames = ['grpc-js', 'grpc-go', 'node-http2'] as const;
export type ServerName = (typeof serverNames)[number];

/** What each can do; node:http2 stands for ours on the bare wire, which does only what the libraries cannot. */
const casesOfClient: Readonly<Record<ClientName, readonly CaseName[]>> = {
  'grpc-js': caseNames,
  'grpc-go': uncompressedCases.filter((name) => name !== 'concurrent_large_unary'),
  'node-http2': compressedReplyCases,
};
const casesOfServer: Readonly<Record<ServerName, readonly CaseName[]>> = {
  'grpc-js': uncompressedCases,
  'grpc-go': uncompressedCases,
  'node-http2': compressedCases,
};

/** A client and a server that have cases in common. */
export type Pair = { readonly client: ClientName; readonly server: ServerName };

/** The cases that both sides of a pair can do. */
export function casesOf({ client, server }: Pair): readonly CaseName[] {
  return casesOfClient[client].filter((name) => casesOfServer[server].includes(name));
}

export const pairs: readonly Pair[] = clientNames
  .flatMap((client) => serverNames.map((server) => ({ client, server })))
  .filter((pair) => casesOf(pair).length > 0);
