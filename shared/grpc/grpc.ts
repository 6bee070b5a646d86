/**
 * The one door to grpc-js. Channels keep themselves alive, so that a peer that vanished without a word is noticed in
 * 15 s instead of never.
 */
import * as grpc from '@grpc/grpc-js';

export { grpc };

// Its errors reach us as errors; printed by the library as well, each would be told twice.
grpc.setLogVerbosity(grpc.logVerbosity.NONE);

export const channelOptions: grpc.ChannelOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.enable_channelz': 0,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  'grpc.max_send_message_length': 64 * 1024 * 1024,
};
