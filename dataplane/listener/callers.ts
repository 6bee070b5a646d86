import { BlockList, isIPv6 } from 'node:net';
import { type Cidr, parseCidr } from '../../shared/discovery/cidr.ts';
import type { ProxyListener } from '../../shared/resources/proxy.ts';
import type { Caller, ForwardingText, ViaText } from '../message/caller.ts';
import { Guard } from '../message/guard.ts';
import { ascii } from '../transport/out-buffer.ts';

export type CallerSettings = Pick<ProxyListener, 'direction' | 'forwarding' | 'underscoreNames'>;

const loopback = ['127.0.0.0/8', '::1'];
const mappedPrefix = '::ffff:';

/**
 * Sorts the callers of a listener by their address, once for each connection:
 *
 *   application   the workload behind this sidecar: it is where the request begins, so there is nothing to tell of it
 *   trusted       a proxy: what it says about its own callers is kept, and its address is added
 *   anybody else  what it says about itself is not believed; its address is all that the next hop hears
 */
export class Callers {
  readonly #settings: CallerSettings;
  readonly #scheme: 'http' | 'https';
  readonly #trusted: BlockList;
  readonly #applications: BlockList;
  readonly #application: Caller;
  readonly #via: ViaText | null;
  /** The caller of the connection before: connections come in rows from one address. */
  #last: Caller;
  #lastAddress: string | null = null;

  constructor(settings: CallerSettings, scheme: 'http' | 'https') {
    const { forwarding, direction } = settings;
    this.#settings = settings;
    this.#scheme = scheme;
    this.#trusted = listOf(forwarding.trusted);
    this.#applications = listOf(forwarding.application ?? (direction === 'outbound' ? loopback : []));
    this.#via = forwarding.via === undefined ? null : viaText(forwarding.via);
    this.#application = this.#caller(Guard.identity | Guard.mirror, false, null, ascii(unknown));
    this.#last = this.#application;
  }

  /** The caller of a connection from `address`, undefined when the connection is gone already. */
  at(address: string | undefined): Caller {
    const known = plainAddress(address);
    if (known !== this.#lastAddress) {
      this.#last = this.#sort(known);
      this.#lastAddress = known;
    }
    return this.#last;
  }

  #sort(address: string): Caller {
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    const isKnown = address !== unknown;
    const bytes = ascii(address);
    if (isKnown && this.#applications.check(address, family)) return { ...this.#application, address: bytes };
    const isTrusted = isKnown && this.#trusted.check(address, family);
    const { fields } = this.#settings.forwarding;
    const sendsOlder = fields === 'x-forwarded' || fields === 'both';
    const sendsForwarded = fields === 'forwarded' || fields === 'both';
    // A form that we do not carry on would tell of all hops but us: whoever reads it is told something that is not so.
    const removes = isTrusted
      ? (sendsOlder ? 0 : Guard.xForwarded) | (sendsForwarded ? 0 : Guard.forwarded)
      : Guard.xForwarded | Guard.forwarded | Guard.identity | Guard.mirror;
    const text = forwardingText(address, this.#scheme, sendsOlder, sendsForwarded);
    return this.#caller(removes, isTrusted, sendsOlder || sendsForwarded ? text : null, bytes);
  }

  #caller(removes: number, isTrusted: boolean, forwarding: ForwardingText | null, address: Uint8Array): Caller {
    const { underscoreNames } = this.#settings;
    // Nobody can prove yet that it belongs to the mesh, so nobody may speak its words.
    const always = Guard.mesh | Guard.twin | (underscoreNames === 'allow' ? 0 : Guard.underscored);
    return {
      removes: removes | always,
      refuses: underscoreNames === 'refuse' ? Guard.twin | Guard.underscored : 0,
      isTrusted,
      address,
      forwarding,
      via: this.#via,
    };
  }
}

/** What RFC 7239 §6.2 says instead of an address that is not known. */
const unknown = 'unknown';

/** An address as others write it: IPv4 where it is one, and without the zone, which only means something here. */
function plainAddress(address: string | undefined): string {
  if (address === undefined || address === '') return unknown;
  if (address.startsWith(mappedPrefix) && address.includes('.')) return address.slice(mappedPrefix.length);
  const zone = address.indexOf('%');
  return zone === -1 ? address : address.slice(0, zone);
}

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const { address, prefix, family } of ranges.map(parseCidr).filter((range): range is Cidr => range !== null))
    list.addSubnet(address, prefix, family);
  return list;
}

function forwardingText(address: string, scheme: string, sendsOlder: boolean, sendsForwarded: boolean): ForwardingText {
  const node = address.includes(':') ? `"[${address}]"` : address; // RFC 7239 §6.1
  const protoLine = `X-Forwarded-Proto: ${scheme}\r\n`;
  return {
    xForwarded: sendsOlder ? ascii(`X-Forwarded-For: ${address}\r\n${protoLine}X-Forwarded-Host: `) : null,
    address: ascii(address),
    protoLine: ascii(protoLine),
    element: sendsForwarded ? ascii(`for=${node};proto=${scheme};host="`) : null,
  };
}

function viaText(name: string): ViaText {
  return {
    name,
    line: ascii(`Via: 1.1 ${name}\r\n`),
    oldLine: ascii(`Via: 1.0 ${name}\r\n`),
    http2Line: ascii(`Via: 2 ${name}\r\n`),
  };
}
