// The yardstick of a plain Node proxy: node:http2 on both sides, one session to the origin, streams piped.
// node node-h2-proxy.mjs PORT ORIGIN_PORT
import { connect, constants, createServer } from 'node:http2';

const [port, originPort] = process.argv.slice(2);
const origin = connect(`http://127.0.0.1:${originPort}`);

createServer()
  .on('stream', (downstream, headers) => {
    const upstream = origin.request(headers, { endStream: downstream.endAfterHeaders });
    // Node asks for trailers of every reply or of none; asking costs, so only who can take them gets them.
    const hasTrailers = headers.te === 'trailers';
    let trailers = {};
    upstream.on('response', (reply) => {
      if (!downstream.destroyed) downstream.respond(reply, { waitForTrailers: hasTrailers });
    });
    if (hasTrailers) {
      upstream.on('trailers', (fields) => {
        trailers = fields;
      });
      downstream.on('wantTrailers', () => downstream.sendTrailers(trailers));
    }
    upstream.on('error', () => downstream.close(constants.NGHTTP2_INTERNAL_ERROR));
    downstream.on('error', () => undefined); // what ended it ends the other side, too: below
    downstream.on('close', () => upstream.close(constants.NGHTTP2_CANCEL));
    if (!downstream.endAfterHeaders) downstream.pipe(upstream);
    upstream.pipe(downstream);
  })
  .listen(Number(port), '127.0.0.1');
