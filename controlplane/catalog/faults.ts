import { type Issue, underPointer } from '../../shared/errors/problem.ts';

const mostTold = 100;

/** The faults of one request: the first 100, and how many there are. */
export class Faults {
  readonly told: Issue[] = [];
  count = 0;

  /** Adds issues whose pointers start at a place of the request. */
  add(at: string, issues: readonly Issue[]): void {
    const room = mostTold - this.told.length;
    if (room > 0) for (const issue of underPointer(at, issues.slice(0, room))) this.told.push(issue);
    this.count += issues.length;
  }

  /** `1 fault`, or `240 faults, of which 100 are told`. */
  get summary(): string {
    const count = this.count === 1 ? '1 fault' : `${this.count} faults`;
    return this.count > this.told.length ? `${count}, of which ${this.told.length} are told` : count;
  }
}
