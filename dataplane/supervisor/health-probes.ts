import { connect } from 'node:net';
import { MessageReader, MessageWriter } from '../../shared/discovery/protobuf.ts';
import { Agent, type Dispatcher, H2CClient, request } from '../../shared/http/undici.ts';
import type { HealthCheck } from '../../shared/resources/instance.ts';
import type { WireProtocol } from '../upstream/pooled-endpoint.ts';

/** Asks an instance once; resolves with whether it passed, and never rejects. */
export type Probe = (timeoutMs: number) => Promise<boolean>;

/** Where an instance is, and what it speaks there. */
export type ProbedAddress = { readonly address: string; readonly port: number; readonly protocol: WireProtocol };

const userAgent = 'meshlane-health-check';
/** `SERVING` of grpc/health/v1/health.proto. */
const serving = 1;
const frameHeadBytes = 5;
/** The answer to a check has seven bytes, if nobody adds fields to it. */
const mostReplyBytes = 4096;

/** The ways of asking, and the connections for it: one to each instance. */
export class Probes {
  readonly #agents: Readonly<Record<WireProtocol, Agent>> = {
    http1: new Agent({ connections: 1, pipelining: 1 }),
    http2: new Agent({ factory: (origin) => new H2CClient(origin) }),
  };

  of(at: ProbedAddress, check: HealthCheck): Probe {
    const host = at.address.includes(':') ? `[${at.address}]` : at.address;
    const origin = `http://${host}:${at.port}`;
    switch (check.type) {
      case 'tcp':
        return (timeoutMs) => connects(at, timeoutMs);
      case 'http':
        return passes((signal) => answers(origin + check.path, this.#agents[at.protocol], signal));
      case 'grpc': {
        const question = frameOf(new MessageWriter().string(1, check.grpcService).finish());
        return passes((signal) => serves(origin, question, this.#agents.http2, signal));
      }
    }
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) void agent.destroy();
  }
}

/** Whatever goes wrong, the check has not passed. */
function passes(ask: (signal: AbortSignal) => Promise<boolean>): Probe {
  return (timeoutMs) => ask(AbortSignal.timeout(timeoutMs)).catch(() => false);
}

async function answers(url: string, dispatcher: Dispatcher, signal: AbortSignal): Promise<boolean> {
  const { statusCode, body } = await request(url, { dispatcher, headers: { 'user-agent': userAgent }, signal });
  await body.dump();
  return statusCode >= 200 && statusCode < 400;
}

/** Calls grpc.health.v1.Health/Check (grpc/doc/health-checking.md). */
async function serves(origin: string, question: Buffer, dispatcher: Dispatcher, signal: AbortSignal): Promise<boolean> {
  const { statusCode, body, trailers } = await request(`${origin}/grpc.health.v1.Health/Check`, {
    dispatcher,
    method: 'POST',
    headers: { 'user-agent': userAgent, 'content-type': 'application/grpc', te: 'trailers' },
    body: question,
    signal,
  });
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    pieces.push(piece);
    size += piece.length;
    if (size > mostReplyBytes) return false;
  }
  return statusCode === 200 && trailers['grpc-status'] === '0' && statusIn(Buffer.concat(pieces)) === serving;
}

function frameOf(message: Buffer): Buffer {
  const head = Buffer.alloc(frameHeadBytes);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Status in the frame of a `HealthCheckResponse`; 0 when there is none, or none that can be read. */
function statusIn(frame: Buffer): number {
  if (frame.length < frameHeadBytes || frame[0] !== 0 || frame.readUInt32BE(1) !== frame.length - frameHeadBytes)
    return 0;
  const reader = new MessageReader(frame.subarray(frameHeadBytes));
  let status = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) status = reader.uint();
    else reader.skip();
  }
  return status;
}

function connects({ address, port }: ProbedAddress, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: timeoutMs });
    const settle = (passed: boolean) => {
      socket.destroy();
      resolve(passed);
    };
    socket.on('connect', () => settle(true));
    socket.on('timeout', () => settle(false));
    socket.on('error', () => settle(false));
  });
}
