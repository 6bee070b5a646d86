import type { IDuplexStream, ILeaseKeepAliveRequest, ILeaseKeepAliveResponse, LeaseClient } from 'etcd3';
import { StoreUnavailable } from './store.ts';

type Stream = IDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>;
type Waiting = { readonly promise: Promise<boolean>; resolve(renewed: boolean): void; reject(error: Error): void };

/**
 * All renewals share one stream to etcd, opened when it is first needed and anew after it broke. Two renewals of one
 * lease that are asked for at the same time are one.
 */
export class LeaseRenewals {
  readonly #client: LeaseClient;
  readonly #timeoutMs: number;
  readonly #toError: (error: unknown) => Error;
  readonly #waiting = new Map<string, Waiting>();
  #stream: Promise<Stream> | null = null;
  #closed = false;

  constructor(client: LeaseClient, timeoutMs: number, toError: (error: unknown) => Error) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.#toError = toError;
  }

  /** Resolves to false when the lease is gone. */
  renew(lease: string): Promise<boolean> {
    const already = this.#waiting.get(lease);
    if (already) return already.promise;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => this.#break(new StoreUnavailable('etcd does not answer')), this.#timeoutMs);
    const settled = () => {
      clearTimeout(timer);
      this.#waiting.delete(lease);
    };
    this.#waiting.set(lease, {
      promise,
      resolve: (renewed) => {
        settled();
        resolve(renewed);
      },
      reject: (error) => {
        settled();
        reject(error);
      },
    });
    this.#open().then(
      (stream) => stream.write({ ID: lease }),
      (error: unknown) => this.#break(this.#toError(error)),
    );
    return promise;
  }

  close(): void {
    this.#closed = true;
    this.#break(new StoreUnavailable('the store is closed'));
  }

  #open(): Promise<Stream> {
    if (this.#closed) return Promise.reject(new StoreUnavailable('the store is closed'));
    if (this.#stream) return this.#stream;
    const opening = this.#client.leaseKeepAlive().then((stream) => {
      const lost = (error: Error) => {
        if (this.#stream === opening) this.#break(error);
      };
      stream.on('error', (error) => lost(this.#toError(error)));
      stream.on('end', () => lost(new StoreUnavailable('etcd ended the stream of renewals')));
      stream.on('data', ({ ID, TTL }) => this.#waiting.get(ID)?.resolve(Number(TTL) > 0));
      return stream;
    });
    this.#stream = opening;
    return opening;
  }

  #break(error: Error): void {
    const stream = this.#stream;
    this.#stream = null;
    stream?.then(
      (open) => {
        open.cancel();
      },
      () => undefined,
    );
    for (const waiting of [...this.#waiting.values()]) waiting.reject(error);
  }
}
