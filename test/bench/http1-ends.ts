import type { StartEnds } from './ends.ts';
import { checkReply, startOrigin } from './origin.ts';
import { runWrk } from './wrk.ts';

/** wrk and HAProxy, over HTTP/1.1. */
export const startHttp1Ends: StartEnds = async (rig, { sizeBytes, tls = null, originCpu = null }) => {
  const { body, ...origin } = await startOrigin(rig, sizeBytes, originCpu);
  return {
    origin,
    check: (name, port) => checkReply(name, port, body, tls),
    run: (port, load) => runWrk(port, load, tls),
  };
};
