/**
 * Connections to the members of an etcd, in place of etcd3's pool. All calls go to one member until it fails, then to the
 * next: spread over all of them, a member that hangs would hold up its share of the calls for ever. What a member
 * certainly did not do is tried at the next one; anything else is not, since a transaction that is sent twice can fail
 * its own comparison the second time.
 */
import { isIP } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type * as RPC from 'etcd3';
import { Host } from 'etcd3/lib/connection-pool.js';
import { parseAddress } from '../../shared/discovery/address.ts';
import { channelOptions, grpc } from '../../shared/grpc/grpc.ts';
import { isMemberFault, isStaleToken, wasAbandoned, wasNotDone } from './etcd-errors.ts';
import { EtcdLogin } from './etcd-login.ts';
import type { StoreAccess, TlsFiles } from './store-access.ts';

export const callMs = 5_000;
/** Time in which a cluster has chosen another leader, as a rule. */
const otherMemberMs = 3_000;
const roundPauseMs = 100;
/** Calls that change nothing. */
const reads: ReadonlySet<string> = new Set(['range', 'leaseTimeToLive']);

export type Member = Host;
type Service = Parameters<RPC.ICallable<Host>['exec']>[0];
type Unary = (
  request: unknown,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  done: (error: grpc.ServiceError | null, answer: unknown) => void,
) => grpc.ClientUnaryCall;

export class EtcdConnections implements RPC.ICallable<Host> {
  readonly callOptionsFactory = undefined;
  readonly #members: readonly Host[];
  readonly #login: EtcdLogin | null;
  readonly #underWay = new Map<grpc.ClientUnaryCall, Host>();
  #current = 0;

  /** Connects at the first call. */
  constructor(addresses: readonly string[], { tls, user, passwordFile }: StoreAccess) {
    const options = {
      ...channelOptions,
      // A connection belongs to one of our channels, and ends with it.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
    };
    this.#members = addresses.map((address) => {
      if (tls === null) return new Host(address, grpc.credentials.createInsecure(), options);
      const { host } = parseAddress(address, '--store');
      // A name that is an address must not be sent in the handshake, which grpc-js would do; any other will do.
      const name = isIP(host) ? { 'grpc.ssl_target_name_override': 'etcd' } : {};
      return new Host(address, credentialsOf(tls, host), { ...options, ...name });
    });
    this.#login =
      user === undefined || passwordFile === undefined
        ? null
        : new EtcdLogin(user, passwordFile, (name, password) => this.#authenticate(name, password));
  }

  /** A call with an answer; rejects with the error of gRPC. */
  async exec<T>(service: Service, method: string, request: unknown): Promise<T> {
    const giveUpMs = performance.now() + otherMemberMs;
    let hasNewToken = false;
    for (let tries = 1; ; tries++) {
      const member = this.#member;
      try {
        return await this.#call<T>(member, service, method, request, await this.#metadata());
      } catch (error) {
        if (this.#login && isStaleToken(error) && !hasNewToken) {
          this.#login.forget();
          hasNewToken = true;
          continue;
        }
        this.markFailed(member, error);
        const isLast = this.#members.length === 1 || performance.now() >= giveUpMs;
        if (isLast || !(wasNotDone(error) || (wasAbandoned(error) && reads.has(method)))) throw error;
        if (tries % this.#members.length === 0) await wait(roundPauseMs);
      }
    }
  }

  /** Hands out a client for a stream. */
  async withConnection<R>(
    service: Service,
    use: (connection: { resource: Host; client: grpc.Client; metadata: grpc.Metadata }) => R | Promise<R>,
  ): Promise<R> {
    const metadata = await this.#metadata();
    const resource = this.#member;
    return use({ resource, client: resource.getServiceClient(service), metadata });
  }

  markFailed(member: Host, error: unknown): void {
    if (member === this.#member && isMemberFault(error)) this.#moveOn();
  }

  /** Leaves a member that says nothing, the connections to it, and the calls: what is sent there may reach nobody. */
  abandon(member: Member): void {
    member.resetAllServices();
    if (member === this.#member) this.#moveOn();
    for (const [call, called] of this.#underWay) if (called === member) call.cancel();
  }

  /** Has the next call log in again: etcd tells a watch that its token is too old only as a lack of permission. */
  forgetToken(): void {
    this.#login?.forget();
  }

  close(): void {
    for (const member of this.#members) member.close();
  }

  get #member(): Host {
    return this.#members[this.#current]!;
  }

  #call<T>(member: Host, service: Service, method: string, request: unknown, metadata: grpc.Metadata): Promise<T> {
    return new Promise((resolve, reject) => {
      const client = member.getServiceClient(service) as unknown as Record<string, Unary>;
      const call = client[method]!(request, metadata, { deadline: Date.now() + callMs }, (error, answer) => {
        this.#underWay.delete(call);
        if (error) reject(error);
        else resolve(answer as T);
      });
      this.#underWay.set(call, member);
    });
  }

  #moveOn(): void {
    this.#current = (this.#current + 1) % this.#members.length;
  }

  async #metadata(): Promise<grpc.Metadata> {
    const metadata = new grpc.Metadata();
    // A member that lost the others answers with an error, instead of letting calls and watches wait.
    metadata.set('hasleader', 'true');
    const token = await this.#login?.token();
    if (token) metadata.set('token', token);
    return metadata;
  }

  async #authenticate(name: string, password: string): Promise<string> {
    const member = this.#member;
    try {
      const request = { name, password };
      const none = new grpc.Metadata();
      return (await this.#call<RPC.IAuthenticateResponse>(member, 'Auth', 'authenticate', request, none)).token;
    } catch (error) {
      this.markFailed(member, error);
      throw error;
    }
  }
}

function credentialsOf({ ca, privateKey, certificate }: TlsFiles, host: string): grpc.ChannelCredentials {
  return grpc.credentials.createSsl(ca, privateKey, certificate, {
    checkServerIdentity: (_name, peer) => checkServerIdentity(host, peer as PeerCertificate),
  });
}
