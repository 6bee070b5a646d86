import type { RuleBreaker } from '../../shared/resources/breaker.ts';
import { Breaker } from '../cluster/breaker/breaker.ts';
import { Changes } from '../cluster/changes.ts';
import { breakerStats } from './breaker-stats.ts';
import type { CompileContext } from './compile.ts';
import { breakerSettings } from './load-settings.ts';

/** The breakers of rules: those of the snapshot before whose rule keeps its name, and new ones. */
export class RuleBreakers {
  readonly byRule = new Map<string, Breaker>();
  readonly #before: ReadonlyMap<string, Breaker>;
  readonly #context: CompileContext;

  constructor(before: ReadonlyMap<string, Breaker> | undefined, context: CompileContext) {
    this.#before = before ?? new Map();
    this.#context = context;
  }

  of(rule: string, section: RuleBreaker): Breaker {
    const settings = breakerSettings(section);
    const breaker = this.#before.get(rule) ?? this.#make(rule, settings);
    breaker.follow(settings);
    this.byRule.set(rule, breaker);
    return breaker;
  }

  /** Lets go of those that are not here any more. */
  retireGone(): void {
    for (const [rule, breaker] of this.#before) if (!this.byRule.has(rule)) breaker.retire();
  }

  #make(rule: string, settings: ReturnType<typeof breakerSettings>): Breaker {
    const { metrics, onBreaker, random } = this.#context;
    return new Breaker(settings, {
      observer: breakerStats(metrics, { rule }, onBreaker),
      changes: new Changes(), // a rule is asked for each request
      random,
    });
  }
}
