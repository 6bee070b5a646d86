import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { constants, type Http2ServerResponse } from 'node:http2';
import { setTimeout as wait } from 'node:timers/promises';
import type { Random } from '../../conformance/http1/mutations/random.ts';
import { frameOf } from '../../harness/grpc/messages.ts';
import type { Owner } from '../../harness/owner.ts';
import { originOf, type Protocol } from '../http2/calling.ts';
import { bodyOf } from './body-of.ts';

/** Requests that wait for each other: once `size` of them are here, all are answered. */
export class Meeting {
  size = Number.POSITIVE_INFINITY;
  readonly #waiting: (() => void)[] = [];
  readonly #known = new Set<string>();

  join(answer: () => void): void {
    if (this.#waiting.push(answer) < this.size) return;
    for (const one of this.#waiting.splice(0)) one();
  }

  /** True for the first time that this word is asked about. */
  isNew(word: string): boolean {
    const isNew = !this.#known.has(word);
    this.#known.add(word);
    return isNew;
  }
}

export type Play = {
  readonly random: () => Random;
  readonly meeting: Meeting;
  /** What was seen that must not be. */
  readonly wrong: string[];
};

/** An instance that does anything it may do about a request, unless that says otherwise (`x-act`). Resolves with its port. */
export function instanceOf(t: Owner, protocol: Protocol, { random, meeting, wrong }: Play): Promise<number> {
  return originOf(t, protocol, async (request, reply) => {
    for (const one of [request, reply]) one.on('error', () => undefined); // both sides break them on purpose
    checkBody(request, reply, wrong);
    const id = String(request.headers['x-id']);
    const fine = () => reply.writeHead(200, { 'x-id': id }).end(id);
    switch (request.headers['x-act']) {
      case 'fine':
        return fine();
      case 'meet':
        return meeting.join(fine);
      case 'fail once and meet':
        return meeting.isNew(id) ? reply.writeHead(503).end() : meeting.join(fine);
      default:
        if (request.headers['x-set'] !== 'new') wrong.push(`${id} came without the field that its rule sets`);
        await wait(random().below(4) === 0 ? random().below(60) : 0);
        if (isGone(reply)) return;
        return request.headers['content-type']?.startsWith('application/grpc')
          ? answerCall(id, reply, random())
          : answer(id, reply, random());
    }
  });
}

/** A body that ends as it should is the one that was sent, whichever try it came with. */
function checkBody(request: IncomingMessage, reply: ServerResponse, wrong: string[]): void {
  const pieces: Buffer[] = [];
  let hasEnded = false;
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () => {
    hasEnded = true;
  });
  // Node ends the body of a stream that was reset, too.
  request.on('close', () => {
    const { 'x-id': id, 'x-size': size } = request.headers;
    const body = Buffer.concat(pieces);
    const isCut = !hasEnded || (streamOf(reply)?.rstCode ?? 0) !== 0;
    if (isCut || size === undefined || bodyOf(String(id), Number(size)).equals(body)) return;
    wrong.push(`${request.method} ${id} of ${size} bytes came whole with ${body.length}: ${body.subarray(0, 40)}`);
  });
}

async function answer(id: string, reply: ServerResponse, random: Random): Promise<void> {
  const own: OutgoingHttpHeaders = { 'x-id': id };
  switch (random.below(16)) {
    case 0:
      return; // silent
    case 1:
      return breakOff(reply);
    case 2:
    case 3:
      reply.writeHead(503, { ...own, 'retry-after': random.oneIn(4) ? '1' : '0' }).end(id);
      return;
    case 4:
      reply.writeHead(429, { ...own, 'retry-after': random.pick(['0', '1', '100']) }).end(id);
      return;
    case 5:
    case 6:
      reply.writeHead(random.pick([500, 502, 504, 409]), own).end(id);
      return;
    case 7:
      reply.writeHead(200, { ...own, 'content-length': 1000 });
      reply.write(bodyOf(id, random.below(1000)));
      await wait(random.below(20));
      return breakOff(reply);
    case 8:
      return slowly(reply.writeHead(200, own), bodyOf(id, 9000), random);
    case 9:
      reply.writeEarlyHints({ link: '</a>' });
      reply.writeHead(200, own).end(id);
      return;
    case 10:
      reply.writeHead(200, own).end(bodyOf(id, random.below(300_000)));
      return;
    case 11:
      reply.writeHead(204, own).end();
      return;
    default:
      reply.writeHead(200, own).end(bodyOf(id, random.below(2000)));
  }
}

async function answerCall(id: string, reply: ServerResponse, random: Random): Promise<void> {
  const own = { 'x-id': id, 'content-type': 'application/grpc' };
  const status = String(random.pick([0, 0, 0, 5, 8, 14]));
  if (random.oneIn(8)) return breakOff(reply);
  if (random.oneIn(8)) return; // silent
  if (random.oneIn(4)) {
    reply.writeHead(200, { ...own, 'grpc-status': status }).end();
    return;
  }
  reply.writeHead(200, { ...own, trailer: 'grpc-status' });
  reply.flushHeaders();
  if (random.oneIn(2)) await wait(random.below(50));
  if (isGone(reply)) return;
  for (let messages = random.below(3); messages > 0; messages--) reply.write(frameOf(bodyOf(id, random.below(3000))));
  if (random.oneIn(2)) await wait(random.below(50));
  if (isGone(reply)) return;
  if (random.oneIn(6)) return breakOff(reply);
  reply.addTrailers({ 'grpc-status': status });
  reply.end();
}

async function slowly(reply: ServerResponse, body: Buffer, random: Random): Promise<void> {
  for (let at = 0; at < body.length && !isGone(reply); at += 1000) {
    reply.write(body.subarray(at, at + 1000));
    await wait(random.below(5));
  }
  if (!isGone(reply)) reply.end();
}

function isGone(reply: ServerResponse): boolean {
  return streamOf(reply)?.destroyed ?? reply.destroyed;
}

function breakOff(reply: ServerResponse): void {
  const stream = streamOf(reply);
  if (stream !== null) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else reply.socket?.resetAndDestroy();
}

/** Null in HTTP/1.1. */
function streamOf(reply: ServerResponse | Http2ServerResponse): Http2ServerResponse['stream'] | null {
  return 'stream' in reply ? reply.stream : null;
}
