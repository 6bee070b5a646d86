import { Parser, type Result } from 'tap-parser';

export type Failure = {
  /** The titles from the file's own tests down to the assertion. */
  readonly titles: readonly string[];
  readonly diagnostics: Readonly<Record<string, unknown>>;
};

export type TapReport = {
  readonly passed: number;
  readonly failed: number;
  /** Skipped and to-do tests, with their reasons. */
  readonly skipped: readonly { readonly title: string; readonly reason: string }[];
  readonly failures: readonly Failure[];
  /** Lines that are not TAP: what the tests themselves printed. */
  readonly extra: string;
};

/**
 * Reads the TAP of one test file and counts its tests.
 *
 * A test is a named block: `t.test(...)` at any depth that has no further blocks inside, or an assertion that stands
 * alone at the top of the file. Assertions inside a block are not counted. A block whose own end failed although every
 * block inside passed counts as one failure more, so that nothing that went wrong can vanish in the sum.
 */
export class TapReader {
  readonly #parser = new Parser();
  readonly #counts = { passed: 0, failed: 0 };
  readonly #skipped: { title: string; reason: string }[] = [];
  readonly #failures: Failure[] = [];
  #extra = '';
  #isComplete = false;

  constructor() {
    this.#listen(this.#parser, []);
    this.#parser.on('complete', () => {
      this.#isComplete = true;
    });
  }

  write(text: string): void {
    if (!this.#isComplete) this.#parser.write(text);
  }

  /** True when the file has announced its plan and run all of it; what follows is only the way out. */
  get hasRunItsPlan(): boolean {
    return this.#parser.planEnd >= 0 && this.#parser.count >= this.#parser.planEnd;
  }

  end(): TapReport {
    this.#parser.end();
    const results = this.#parser.results;
    // A broken stream (a plan that was not kept, TAP that stops in the middle) may fail without a failing test.
    if (results && !results.ok && this.#counts.failed === 0) {
      this.#counts.failed++;
      const error = results.failures
        .map((failure) => failure.tapError ?? String(failure['name' as keyof typeof failure]))
        .join('; ');
      this.#failures.push({
        titles: ['the file as a whole'],
        diagnostics: { message: error || 'it did not keep its plan' },
      });
    }
    return { ...this.#counts, skipped: this.#skipped, failures: this.#failures, extra: this.#extra };
  }

  /** Counts one level of blocks; its parent reads the level when the block ends. */
  #listen(parser: Parser, titles: readonly string[]): Level {
    const level: Level = { blocks: 0, failedPoints: 0, failedTests: 0 };
    let inside: Level | null = null;
    parser.on('extra', (text: string) => {
      this.#extra = (this.#extra + text).slice(-64 * 1024);
    });
    parser.on('child', (child: Parser) => {
      level.blocks++;
      inside = this.#listen(child, [...titles, child.name]);
    });
    parser.on('assert', (result: Result) => {
      const block = inside;
      inside = null;
      const path = [...titles, result.name];
      if (result.skip || result.todo) {
        this.#skipped.push({ title: path.join(' > '), reason: reasonOf(result) });
        return;
      }
      if (!result.ok) {
        level.failedPoints++;
        // A block says nothing that the failed assertions in it have not said already.
        if (block === null || block.failedPoints === 0)
          this.#failures.push({ titles: path, diagnostics: (result.diag ?? {}) as Readonly<Record<string, unknown>> });
      }
      const isTest =
        block === null ? titles.length === 0 : block.blocks === 0 || (!result.ok && block.failedTests === 0);
      if (isTest) this.#counts[result.ok ? 'passed' : 'failed']++;
      level.failedTests += (block?.failedTests ?? 0) + (isTest && !result.ok ? 1 : 0);
    });
    return level;
  }
}

type Level = { blocks: number; failedPoints: number; failedTests: number };

function reasonOf({ skip, todo }: Result): string {
  if (typeof skip === 'string' && skip !== '') return skip;
  return skip ? 'skipped' : `to do${typeof todo === 'string' && todo !== '' ? `: ${todo}` : ''}`;
}
