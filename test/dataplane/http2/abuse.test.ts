import t from 'tap';
import { errorNameOf, FrameType } from '../../harness/http2/frame.ts';
import { type FrameClient, frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import { dataFrame, headersFrame, rstStreamFrame } from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';
import { until } from '../../harness/until.ts';
import { serviceAt } from '../harness/resources.ts';
import { scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';

/** Callers that have the proxy begin requests and give them up again, and what bounds them (CVE-2023-44487, CVE-2025-8671). */

const mostResets = 500;

const post = (client: FrameClient, fields: readonly Field[] = [], endStream = false) => {
  const stream = client.nextStream();
  return { stream, head: headersFrame(stream, headerBlock(requestFields('POST', '/', 'app', fields)), { endStream }) };
};

/** Ways to make the proxy reset a request that it has just sent on. */
const ways: Readonly<Record<string, (client: FrameClient) => Buffer[]>> = {
  'a reset': (client) => {
    const { stream, head } = post(client);
    return [head, rstStreamFrame(stream, 'CANCEL')];
  },
  'more than the length': (client) => {
    const { stream, head } = post(client, [['content-length', '1']]);
    return [head, dataFrame(stream, 'xx')];
  },
  'less than the length': (client) => {
    const { stream, head } = post(client, [['content-length', '9']]);
    return [head, dataFrame(stream, 'x', { endStream: true })];
  },
  'a head behind the end': (client) => {
    const { stream, head } = post(client, [], true);
    return [head, headersFrame(stream, headerBlock([['x', 'y']]), { endStream: true })];
  },
  'trailers that are no end': (client) => {
    const { stream, head } = post(client);
    return [head, headersFrame(stream, headerBlock([['x', 'y']]))];
  },
  'malformed trailers': (client) => {
    const { stream, head } = post(client);
    return [head, headersFrame(stream, headerBlock([[':path', '/']]), { endStream: true })];
  },
};

for (const [name, way] of Object.entries(ways))
  t.test(`requests that end with ${name} are no more than ${mostResets} at once, and 50 a second`, async (t) => {
    const origin = await scriptedOrigin(t, () => undefined, { at: 'head' });
    const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
    const client = await frameClient(t, proxy.port);
    for (let i = 0; i < 2 * mostResets; i++) client.send(...way(client));
    const goaway = await client.frame(FrameType.goaway);
    t.equal(errorNameOf(goaway), 'ENHANCE_YOUR_CALM');
    await client.closed();
    await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
    const served = await proxy.metric('meshlane_requests_total');
    t.ok(served >= mostResets && served < mostResets + 100, `${served} requests`);
  });
