import { comparisonCommand } from './comparison-command.ts';
import { http2Marks, noQuantiles } from './h2.ts';
import { grpcTraffic } from './traffic.ts';

export const command = comparisonCommand({
  ...grpcTraffic,
  name: 'grpc',
  summary: 'Unary calls of gRPC through one worker, beside HAProxy, nghttpx, Envoy and plain Node in the same run.',
  title: 'Unary calls of gRPC without TLS on both sides',
  connections: 16,
  sizeBytes: 32,
  hasSingles: false,
  isTls: false,
  marks: http2Marks,
  details: [
    'A call is a POST of one message, answered with a message of the same size and the status OK in the trailers. Meshlane has',
    'the mesh of the bench h1, and its services say grpc. A reply without its message counts as an error, whatever its',
    'status is.',
    '',
    noQuantiles,
  ].join('\n'),
});
