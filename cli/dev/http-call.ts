import { request } from 'node:http';
import type { Address } from '../../shared/discovery/address.ts';

export type HttpCall = {
  readonly to: Address;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMs: number;
};

export type HttpAnswer = { readonly status: number; readonly body: string };

const maxAnswerLength = 64 * 1024;

/** One request on a connection of its own; the answer's body is cut at 64 Ki characters. */
export function httpCall({ to, method, path, headers, body, timeoutMs }: HttpCall): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const outgoing = request({ host: to.host, port: to.port, method, path, headers, agent: false, signal });
    outgoing.once('error', reject);
    outgoing.once('response', (response) => {
      let answer = '';
      response.setEncoding('utf8');
      response.once('error', reject);
      response.on('data', (part: string) => {
        answer = (answer + part).slice(0, maxAnswerLength);
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: answer }));
    });
    outgoing.end(body);
  });
}
