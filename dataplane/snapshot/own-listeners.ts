import { networkInterfaces } from 'node:os';
import type { Address } from '../../shared/discovery/address.ts';
import type { Direction } from '../pipeline/direction.ts';

const wildcards = new Set(['0.0.0.0', '::']);

/**
 * Where this proxy listens itself. A request that it sent to the listener it came in by would come back for as long as
 * there are connections, so such an address is no endpoint. Names other than localhost are not looked up: a circle
 * through one of those, or through another proxy, only shows in Via.
 */
export class OwnListeners {
  readonly #places: { readonly direction: Direction; readonly address: Address }[] = [];

  add(direction: Direction, address: Address): void {
    this.#places.push({ direction, address });
  }

  /** Tells whether requests of this direction that are sent there arrive where they came from. */
  isReachedBy(direction: Direction, host: string, port: number): boolean {
    return this.#places.some(
      ({ direction: own, address }) => own === direction && address.port === port && isSameHost(address.host, host),
    );
  }
}

function isSameHost(listener: string, endpoint: string): boolean {
  const host = plain(endpoint);
  if (plain(listener) === host) return true;
  return wildcards.has(listener) && (isLoopback(host) || isOfThisMachine(host));
}

function plain(host: string): string {
  const lower = host.toLowerCase();
  if (lower === 'localhost') return '127.0.0.1';
  return lower.startsWith('::ffff:') && lower.includes('.') ? lower.slice(7) : lower;
}

/** The wildcard as a target is this machine, too. */
function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1' || wildcards.has(host);
}

function isOfThisMachine(host: string): boolean {
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === host));
}
