import { createHash } from 'node:crypto';
import { keyOf, type ResourceKey } from '../../../shared/resources/resource.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';
import { encodeResource, type Message, type WireAny } from '../codec.ts';
import { messageTypes, type ResourceType } from '../resource-type.ts';

/** Something of a resource of ours that xDS has no equal for. */
export type LeftOut = { readonly resource: ResourceKey; readonly pointer: string; readonly why: string };

/** One resource of xDS, coded once however many clients get it. */
export type XdsResource = {
  readonly name: string;
  readonly any: WireAny;
  /** Differs whenever the contents do. */
  readonly digest: string;
  /** Store revision of the newest of our resources in it. */
  readonly revision: number;
};

/** What one resource of xDS is made of while it is made, and what of that is left out. */
export class Translation {
  readonly leftOut: LeftOut[] = [];
  #revision = 0;

  /** Notes that a resource is part of it. */
  use(resource: AnyResource): void {
    this.#revision = Math.max(this.#revision, resource.revision ?? 0);
  }

  leaveOut(resource: AnyResource, pointer: string, why: string): void {
    this.leftOut.push({ resource: keyOf(resource), pointer, why });
  }

  finish(type: ResourceType, name: string, message: Message): XdsResource {
    const any = encodeResource(messageTypes[type], message);
    return { name, any, digest: createHash('sha256').update(any.value).digest('base64url'), revision: this.#revision };
  }
}
