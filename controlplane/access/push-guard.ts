import type { WireHello } from '../../shared/discovery/discovery.ts';
import { grpc } from '../../shared/grpc/grpc.ts';
import type { ServerCall } from '../../shared/grpc/server/server-call.ts';
import { StatusError } from '../../shared/grpc/server/status-error.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { ApplyOptions } from '../catalog/change.ts';
import type { Gate, Refused, Visit, Visitor } from './gate.ts';
import type { Need } from './grant.ts';
import { needOfCall } from './needs.ts';
import { instanceFault } from './own-instance.ts';

/** The right of a stream to be a sidecar. */
export type Pass = { release(): void };

/** Who makes a call that was let in. */
export type PushCaller = {
  readonly visitor: Visitor;
  readonly visit: Visit;
  readonly need: Need;
  /** What its changes are made with. */
  readonly by: Pick<ApplyOptions, 'by' | 'author'>;
};

const codes: Readonly<Record<Refused['refused'], grpc.status>> = {
  unauthenticated: grpc.status.UNAUTHENTICATED,
  forbidden: grpc.status.PERMISSION_DENIED,
  slowed: grpc.status.RESOURCE_EXHAUSTED,
};

/** Holds every call of a port for sidecars to what its sender may do. */
export class PushGuard {
  readonly #gate: Gate;
  readonly #catalog: Catalog;

  constructor(gate: Gate, catalog: Catalog) {
    this.#gate = gate;
    this.#catalog = catalog;
  }

  /** Lets a call in, by the value of its `authorization` or the certificate of its connection; or says how it ends. */
  admit({
    path,
    authorization,
    peer,
  }: Pick<ServerCall<unknown>, 'path' | 'authorization' | 'peer'>): PushCaller | StatusError {
    const need = needOfCall(path);
    const visit = { authorization, peer, action: path.slice(path.lastIndexOf('/') + 1), what: [] };
    const visitor = this.#gate.admit(need, visit);
    if ('refused' in visitor) return new StatusError(codes[visitor.refused], visitor.detail);
    return { visitor, visit, need, by: { by: visitor.who, author: visitor } };
  }

  /** Throws the status for who may not speak for an instance. */
  mustOwn({ visitor }: PushCaller, name: string): void {
    const fault = instanceFault(visitor, this.#catalog, name);
    if (fault === null) return;
    this.#gate.forbid(visitor, [`Instance/${name}`], fault);
    throw new StatusError(grpc.status.PERMISSION_DENIED, fault);
  }

  /**
   * Lets a stream be a sidecar, or says why not. The right ends with `release`; `onLost` is called when the access file
   * takes it away before.
   */
  claim(
    { visitor, visit, need }: PushCaller,
    { sidecar, service }: Pick<WireHello, 'sidecar' | 'service'>,
    onLost: (why: string) => void,
  ): Pass | string {
    const fault = this.#helloFault(visitor, sidecar, service);
    if (fault !== null) {
      this.#gate.forbid(visitor, [`sidecar ${sidecar}`, `service ${service}`], fault);
      return fault;
    }
    const giveBack = this.#gate.names.take(sidecar, visitor, service);
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
      giveBack();
    };
    return { release };
  }

  #helloFault(visitor: Visitor, sidecar: string, service: string): string | null {
    const { who, how } = visitor;
    if (!visitor.mayBe(service)) return `the ${how} "${who}" may not be the service "${service}"`;
    if (this.#gate.names.isOfAnother(sidecar, visitor))
      return `the sidecar "${sidecar}" is connected with another identity`;
    // A sidecar and its instance have one name, and the other replicas know the instance.
    return instanceFault(visitor, this.#catalog, sidecar);
  }
}
