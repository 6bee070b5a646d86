import type { Clock } from '../../shared/time/clock.ts';
import type { Peer } from '../../shared/transport/peer.ts';
import { entryOfChange, entryOfRequest } from '../audit/audit-entry.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { ApplyOptions, Author, Change, Outcome, Touch } from '../catalog/change.ts';
import type { Access, Caller } from './access.ts';
import { ConnectedNames } from './connected-names.ts';
import { changeFault, type Grant, hasNeed, mayBe, type Need, rolesFor } from './grant.ts';

/** What somebody shows who wants something. */
export type Visit = {
  readonly authorization: string | undefined;
  readonly peer: Peer;
  /** For the audit log: the request, and the path or name that it is about. */
  readonly action: string;
  readonly what: readonly string[];
};

/** Somebody who was let in. */
export type Visitor = Author & {
  /** Whether it may be a sidecar or an instance of this service. */
  mayBe(service: string): boolean;
};

export type Refused = {
  readonly refused: 'unauthenticated' | 'forbidden' | 'slowed';
  readonly detail: string;
  /** How long not to come back; 0 when it is not about time. */
  readonly waitMs: number;
  /** A credential was shown, and was wrong. */
  readonly isWrong: boolean;
};

/** Where everybody comes in, by API or push port: says who it is and whether it may, and writes down what it did. */
export class Gate {
  /** Null: everybody may do everything. */
  readonly #access: Access | null;
  readonly #audit: AuditLog | null;
  readonly #clock: Clock;
  readonly #recorded = new WeakSet<Author>();
  /** Of all ports for sidecars. */
  readonly names = new ConnectedNames();
  /** Refusals since the start. */
  readonly refusals: Record<Refused['refused'], number> = { unauthenticated: 0, forbidden: 0, slowed: 0 };

  constructor(access: Access | null, audit: AuditLog | null, clock: Clock) {
    this.#access = access;
    this.#audit = audit;
    this.#clock = clock;
  }

  admit(need: Need, visit: Visit): Visitor | Refused {
    if (this.#access === null) return anonymous(visit);
    const caller = this.#access.authenticate(visit.authorization, visit.peer);
    if (!('grant' in caller)) {
      const { detail, waitMs, isWrong } = caller;
      const refused = waitMs > 0 ? 'slowed' : 'unauthenticated';
      return this.#refuse(null, visit, { refused, detail, waitMs, isWrong });
    }
    const fault = needFault(caller, need);
    if (fault === null) return this.#visitorOf(caller, caller.grant!, visit);
    return this.#refuse(caller, visit, { refused: 'forbidden', detail: fault, waitMs: 0, isWrong: false });
  }

  /** Looks anew at who was let in before; a text says why it would not be any more. */
  again(need: Need, visit: Visit): Visitor | string {
    if (this.#access === null) return anonymous(visit);
    const caller = this.#access.identify(visit.authorization, visit.peer);
    if (!('grant' in caller)) return caller.detail;
    return needFault(caller, need) ?? this.#visitorOf(caller, caller.grant!, visit);
  }

  /** Calls back when it is time to look `again`; returns what ends that. */
  onChange(listener: () => void): () => void {
    return this.#access?.onChange(listener) ?? (() => undefined);
  }

  /** Refuses one who was let in, for what it then asked. */
  forbid(by: Author, what: readonly string[], reason: string): void {
    this.refusals.forbidden++;
    this.record(by, what, 'forbidden', reason);
  }

  record(by: Author, what: readonly string[], outcome: string, reason: string | null = null): void {
    this.#recorded.add(by);
    this.#audit?.write(entryOfRequest(this.#now(), by, what, outcome, reason));
  }

  /** Writes down what became of changes; a dry run changes nothing, so only an attempt on what is not allowed is told. */
  readonly recordChange = (
    changes: readonly Change[],
    { author, dryRun, note }: ApplyOptions,
    outcome: Outcome,
  ): void => {
    if (author) this.#recorded.add(author);
    const isForbidden = !outcome.ok && outcome.refusal.code === 'forbidden';
    if (isForbidden) this.refusals.forbidden++;
    if (this.#audit === null || (dryRun && !isForbidden) || (outcome.ok && outcome.effects.length === 0)) return;
    this.#audit.write(entryOfChange(this.#now(), author, changes, outcome, note));
  };

  hasRecorded(by: Author): boolean {
    return this.#recorded.has(by);
  }

  #refuse(caller: Caller | null, visit: Visit, refused: Refused): Refused {
    this.refusals[refused.refused]++;
    const by = caller ? { who: caller.name, how: caller.how } : ({ who: 'anonymous', how: 'anonymous' } as const);
    const full = { ...by, peer: visit.peer.text, action: visit.action };
    this.#audit?.write(entryOfRequest(this.#now(), full, visit.what, refused.refused, refused.detail));
    return refused;
  }

  #visitorOf({ name, how }: Caller, grant: Grant, { peer, action }: Visit): Visitor {
    const reachesAll = hasNeed(grant, 'administer');
    const faultOf = (touch: Touch) => {
      const fault = changeFault(grant, touch) ?? (reachesAll ? null : this.names.faultOf({ who: name, how }, touch));
      return fault && `${nameOf(how)} "${name}" with the role ${grant.role} may not: ${fault}`;
    };
    return { who: name, how, peer: peer.text, action, faultOf, mayBe: (service) => mayBe(grant, service) };
  }

  #now(): Date {
    return new Date(this.#clock.wallMs());
  }
}

function needFault({ name, how, grant }: Caller, need: Need): string | null {
  if (grant === null) return `no entry of the access file gives ${nameOf(how)} "${name}" a role`;
  if (hasNeed(grant, need)) return null;
  const bounds = grant.namespaces ? ` of ${[...grant.namespaces].join(', ')}` : '';
  const wanted = need === 'administer' ? 'admin of all namespaces' : rolesFor[need].join(' or ');
  return `${nameOf(how)} "${name}" has the role ${grant.role}${bounds}, and this takes ${wanted}`;
}

function nameOf(how: Caller['how']): string {
  return how === 'token' ? 'the token' : 'the identity';
}

function anonymous({ peer, action }: Visit): Visitor {
  return {
    who: 'anonymous',
    how: 'anonymous',
    peer: peer.text,
    action,
    faultOf: () => null,
    mayBe: () => true,
  };
}
