import { Socket } from 'node:net';
import type { WireHello } from '../../shared/discovery/discovery.ts';
import { grpc } from '../../shared/grpc/grpc.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { ApplyOptions } from '../catalog/change.ts';
import { StatusError } from '../push/registration.ts';
import type { Gate, Refused, Visit, Visitor } from './gate.ts';
import type { Need } from './grant.ts';
import { needOfCall } from './needs.ts';
import { instanceFault } from './own-instance.ts';

/** The right of a stream to be a sidecar. */
export type Pass = { release(): void };

type Admitted = { readonly visitor: Visitor; readonly visit: Visit; readonly need: Need };

const codes: Readonly<Record<Refused['refused'], grpc.status>> = {
  unauthenticated: grpc.status.UNAUTHENTICATED,
  forbidden: grpc.status.PERMISSION_DENIED,
  slowed: grpc.status.RESOURCE_EXHAUSTED,
};

const gone = new Socket();

/** Holds every call of the push port to what its sender may do. */
export class PushGuard {
  readonly #gate: Gate;
  readonly #catalog: Catalog;
  readonly #socketOf: (peer: string) => Socket | undefined;
  /** By the metadata of a call, which is the one thing that an interceptor and a handler both see. */
  readonly #admitted = new WeakMap<grpc.Metadata, Admitted>();
  /** Who has the streams of a sidecar's name, and how many: a new one comes before the one it replaces is gone. */
  readonly #owners = new Map<string, { readonly who: string; streams: number }>();

  constructor(gate: Gate, catalog: Catalog, socketOf: (peer: string) => Socket | undefined) {
    this.#gate = gate;
    this.#catalog = catalog;
    this.#socketOf = socketOf;
  }

  /** Lets a call go on to its handler, or ends it. */
  readonly interceptor: grpc.ServerInterceptor = (method, call) => {
    const need = needOfCall(method.path);
    let isIn = false;
    return new grpc.ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            const visit = this.#visitOf(method.path, call.getPeer(), metadata);
            const visitor = this.#gate.admit(need, visit);
            if ('refused' in visitor) {
              call.sendStatus({ code: codes[visitor.refused], details: visitor.detail });
              return;
            }
            isIn = true;
            this.#admitted.set(metadata, { visitor, visit, need });
            pass(metadata);
          },
          // The handler of a call that was refused does not exist.
          onReceiveMessage: (message, pass) => {
            if (isIn) pass(message);
          },
          onReceiveHalfClose: (pass) => {
            if (isIn) pass();
          },
        }),
    });
  };

  authorOf(metadata: grpc.Metadata): ApplyOptions {
    const { visitor } = this.#of(metadata);
    return { by: visitor.who, author: visitor };
  }

  /** Throws the status for who may not speak for an instance. */
  mustOwn({ author }: ApplyOptions, name: string): void {
    const fault = author ? instanceFault(author, this.#catalog, name) : null;
    if (!author || fault === null) return;
    this.#gate.forbid(author, [`Instance/${name}`], fault);
    throw new StatusError(grpc.status.PERMISSION_DENIED, fault);
  }

  /**
   * Lets a stream be a sidecar, or says why not. The right ends with `release`; `onLost` is called when the access file
   * takes it away before.
   */
  claim(metadata: grpc.Metadata, { sidecar, service }: WireHello, onLost: (why: string) => void): Pass | string {
    const { visitor, visit, need } = this.#of(metadata);
    const fault = this.#helloFault(visitor, sidecar, service);
    if (fault !== null) {
      this.#gate.forbid(visitor, [`sidecar ${sidecar}`, `service ${service}`], fault);
      return fault;
    }
    const owner = this.#owners.get(sidecar) ?? { who: idOf(visitor), streams: 0 };
    owner.streams++;
    this.#owners.set(sidecar, owner);
    const stop = this.#gate.onChange(() => {
      const now = this.#gate.again(need, visit);
      const why = typeof now === 'string' ? now : this.#helloFault(now, sidecar, service);
      if (why !== null) onLost(why);
    });
    let isHeld = true;
    const release = () => {
      if (!isHeld) return;
      isHeld = false;
      stop();
      if (--owner.streams === 0) this.#owners.delete(sidecar);
    };
    return { release };
  }

  #helloFault(visitor: Visitor, sidecar: string, service: string): string | null {
    const { who, how } = visitor;
    if (!visitor.mayBe(service)) return `the ${how} "${who}" may not be the service "${service}"`;
    const owner = this.#owners.get(sidecar);
    if (owner && owner.who !== idOf(visitor)) return `the sidecar "${sidecar}" is connected with another identity`;
    // A sidecar and its instance have one name, and the other replicas know the instance.
    return instanceFault(visitor, this.#catalog, sidecar);
  }

  #visitOf(path: string, peer: string, metadata: grpc.Metadata): Visit {
    const [authorization] = metadata.get('authorization');
    return {
      authorization: authorization?.toString(),
      socket: this.#socketOf(peer) ?? gone,
      action: path.slice(path.lastIndexOf('/') + 1),
      what: [],
    };
  }

  #of(metadata: grpc.Metadata): Admitted {
    const admitted = this.#admitted.get(metadata);
    if (!admitted) throw new Error('a call reached its handler past the interceptor');
    return admitted;
  }
}

function idOf({ who, how }: Visitor): string {
  return `${how} ${who}`;
}
