import { requestFields } from '../../../harness/http2/frame-client.ts';
import { headersFrame } from '../../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../../harness/http2/hpack/encode.ts';

/** What the floods are made of: header blocks that any server takes. */
export const getBlock = headerBlock(requestFields('GET', '/small'));
export const postBlock = headerBlock(requestFields('POST', '/upload'));
export const largeBlock = headerBlock(requestFields('GET', '/large'));

/** Numbers of streams that a caller may open, from 1 on. */
export function* streams(count: number): Iterable<number> {
  for (let i = 0; i < count; i++) yield i * 2 + 1;
}

/** The same bytes over and over. */
export function* repeated(count: number, bytes: Buffer): Iterable<Buffer> {
  for (let i = 0; i < count; i++) yield bytes;
}

/** One stream that is open for a body, and then the same bytes over and over. */
export function* onOpenStream(count: number, bytes: Buffer): Iterable<Buffer> {
  yield headersFrame(1, postBlock);
  yield* repeated(count, bytes);
}
