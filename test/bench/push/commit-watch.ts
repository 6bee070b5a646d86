import { get } from 'node:http';

/** Notes when the control plane tells that it has stored a change of a route: that is before it tells any sidecar. */
export class CommitWatch {
  readonly #committedMs = new Map<number, number>();
  readonly #request: ReturnType<typeof get>;

  constructor(url: string) {
    this.#request = get(`${url}/v1/routes?watch=true`, (reply) => {
      reply.setEncoding('utf8').on('data', (text: string) => {
        const nowMs = performance.now();
        for (const [, revision] of text.matchAll(/^id: (\d+)$/gm)) this.#committedMs.set(Number(revision), nowMs);
      });
      reply.on('error', () => undefined); // it ends with `close`
    });
    this.#request.on('error', () => undefined);
  }

  /** Milliseconds of performance.now(); undefined when it has not been told. */
  timeOf(revision: number): number | undefined {
    return this.#committedMs.get(revision);
  }

  close(): void {
    this.#request.destroy();
  }
}
