/** What came back for one request; `reason` is what Meshlane says when it answers by itself, else empty. */
export type Fetched = { readonly status: number; readonly reason: string; readonly received: Buffer };

/** The body that every origin sends. */
export function filler(sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, 'The quick brown fox jumps over the lazy dog. ');
}

/** Throws unless this is the origin's whole reply: nobody measures an error page. */
export function expectReply(name: string, { status, reason, received }: Fetched, body: Buffer): true {
  if (status === 200 && received.equals(body)) return true;
  throw new Error(
    `${name} answers ${status}${reason ? ` (${reason})` : ''} with ${received.length} bytes; 200 with the origin’s ${body.length} bytes was expected`,
  );
}
