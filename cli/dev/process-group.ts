import { join } from 'node:path';
import { Child, type ChildOptions, type ProcessPlan } from './child.ts';

export type GroupOptions = Omit<ChildOptions, 'logFile'> & {
  readonly logFolder: string;
  /** How many may be starting at the same time. */
  readonly parallelStarts: number;
  readonly startTimeoutMs: number;
  /** Time between SIGTERM and SIGKILL. */
  readonly stopGraceMs: number;
  /** Hears of a process that ended though nobody stopped it. */
  readonly onLoss: (child: Child, how: string) => void;
};

/** The processes of one `meshlane dev`: started side by side, stopped in stages, none forgotten. */
export class ProcessGroup {
  readonly #options: GroupOptions;
  readonly #children = new Map<string, Child>();
  #starting = 0;
  readonly #waiting: (() => void)[] = [];
  #isStopping = false;

  constructor(options: GroupOptions) {
    this.#options = options;
  }

  get children(): readonly Child[] {
    return [...this.#children.values()];
  }

  /** Starts a process and waits until it serves; waits for its turn when many are starting. */
  async start(plan: ProcessPlan): Promise<void> {
    await this.#turn();
    try {
      if (this.#isStopping) throw new Error('stopped while starting');
      const { logFolder } = this.#options;
      const child = new Child(plan, {
        ...this.#options,
        logFile: join(logFolder, `${plan.name.replaceAll(' ', '-')}.log`),
      });
      this.#children.set(plan.name, child);
      await withinTime(child, this.#options.startTimeoutMs);
      void child.ended.then((how) => {
        if (!this.#isStopping) this.#options.onLoss(child, how);
      });
    } finally {
      this.#starting--;
      this.#waiting.shift()?.();
    }
  }

  /** Stops everything; each stage names the processes that go together, and those in no stage go last. */
  async stop(stages: readonly (readonly string[])[]): Promise<void> {
    this.#isStopping = true;
    for (const stage of [...stages, [...this.#children.keys()]])
      await Promise.all(stage.map((name) => this.#children.get(name)?.stop(this.#options.stopGraceMs)));
  }

  /** Ends everything at once, for users who ask twice. */
  kill(): void {
    this.#isStopping = true;
    for (const child of this.#children.values()) if (!child.hasEnded) child.kill();
  }

  async #turn(): Promise<void> {
    while (this.#starting >= this.#options.parallelStarts)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#starting++;
  }
}

async function withinTime(child: Child, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    const fail = () =>
      reject(new Error(`${child.name} does not serve after ${timeoutMs / 1000} s:\n${child.lastWords}`));
    timer = setTimeout(fail, timeoutMs);
  });
  try {
    await Promise.race([child.ready, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
