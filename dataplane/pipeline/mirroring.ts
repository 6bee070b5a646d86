import { FieldName } from '../message/field-name.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import type { Exchange } from './exchange.ts';
import type { MirrorTarget } from './mirror-target.ts';
import { MirroredRequest } from './mirrored-request.ts';

/** The mirrors of a rule, compiled. */
export class Mirroring {
  readonly #targets: readonly MirrorTarget[];

  constructor(targets: readonly MirrorTarget[]) {
    this.#targets = targets;
  }

  /**
   * The copies of a request that has just begun; null when there are none. What becomes a tunnel is no request for long,
   * and a copy is not copied again: two proxies that mirror each other would never come to an end.
   */
  begin(exchange: Exchange, context: WorkerContext): MirroredRequest | null {
    const { head } = exchange;
    if (exchange.isUpgrade || head.connectPort !== 0 || head.has(FieldName.meshlaneMirror)) return null;
    let request: MirroredRequest | null = null;
    for (const target of this.#targets) {
      if (!target.draw()) continue;
      if (!context.mirrorRoom.tryEnter()) target.stats.onRequest('busy');
      else {
        request ??= new MirroredRequest(exchange, context);
        request.add(target, exchange.trace);
      }
    }
    return request;
  }
}
