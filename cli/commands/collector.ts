import { startCollector } from '../../observability/collector/collector.ts';
import { logTo } from '../../observability/logging/log.ts';
import { formatAddress, parseAddress } from '../../shared/discovery/address.ts';
import { type Command, UsageError } from '../command.ts';
import { untilStopped } from '../until-stopped.ts';

export const command: Command = {
  name: 'collector',
  summary: 'Takes spans over OTLP, keeps the recent traces, shows them on a page, and forwards them.',
  options: {
    'otlp-grpc': { value: 'HOST:PORT', default: '127.0.0.1:4317', text: 'Where OTLP/gRPC comes in.' },
    'otlp-http': { value: 'HOST:PORT', default: '127.0.0.1:4318', text: 'Where OTLP/HTTP comes in (POST /v1/traces).' },
    http: { value: 'HOST:PORT', default: '127.0.0.1:15090', text: 'Page, JSON API, /healthz, /readyz, /metrics.' },
    export: { value: 'URL', text: 'OTLP endpoint to forward to: http(s)://HOST:PORT or grpc(s)://HOST:PORT.' },
    'max-traces': { value: 'N', default: '10000', text: 'Traces kept; the oldest leave first.' },
    'max-memory-mb': { value: 'N', default: '128', text: 'Estimated size of the spans kept.' },
  },
  details: [
    'Examples:',
    '  meshlane collector',
    '  meshlane collector --otlp-grpc :14317 --otlp-http :14318 --export http://127.0.0.1:4318   (a Jaeger there)',
    '',
    'Traces as JSON: GET /api/traces?service=&minDurationMs=&error=true&limit= and GET /api/traces/TRACE-ID',
    'SIGTERM ends it once open requests are answered and waiting spans are forwarded, in seconds. A second one stops it at once.',
  ].join('\n'),
  async run(invocation) {
    const address = (name: string) => {
      try {
        return parseAddress(invocation.flag(name)!, `--${name}`);
      } catch (error) {
        throw new UsageError((error as Error).message);
      }
    };
    const count = (name: string) => {
      const text = invocation.flag(name)!;
      if (!/^[1-9][0-9]{0,8}$/.test(text))
        throw new UsageError(`--${name} must be a whole number above 0; got "${text}"`);
      return Number(text);
    };
    const exportUrl = invocation.flag('export');
    const log = logTo(process.stderr, 'collector');
    const stop = untilStopped();
    const collector = await startCollector({
      otlpGrpc: address('otlp-grpc'),
      otlpHttp: address('otlp-http'),
      http: address('http'),
      ...(exportUrl === undefined ? {} : { exportUrl }),
      store: { maxTraces: count('max-traces'), maxBytes: count('max-memory-mb') * 1024 * 1024 },
      exporter: { onChange: (text) => log.warn(text) },
    });
    const { otlpGrpc, otlpHttp, http } = collector;
    const forwarding = exportUrl === undefined ? '' : ` export ${exportUrl}`;
    process.stdout.write(
      `ready: otlp-grpc ${formatAddress(otlpGrpc)} otlp-http ${formatAddress(otlpHttp)} traces http://${formatAddress(http)}${forwarding}\n`,
    );
    await stop.promise;
    await Promise.race([collector.close(), stop.again]);
    return 0;
  },
};
