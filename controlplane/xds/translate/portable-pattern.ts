/**
 * Tells which patterns mean the same to RE2, which xDS clients run, and are small enough for them: Envoy refuses a whole
 * route configuration for one pattern whose program has more than 100 steps. Counted by upper bounds, on the grammar that
 * both sides share:
 *
 *   either := sequence ("|" sequence)*      sequence := (atom quantifier?)*
 *   atom   := "." | "^" | "$" | escape | "[" class "]" | "(" "?:"? either ")" | any other character
 */
const mostSteps = 90;
/** RE2 repeats nothing more often, what is repeated within counted along. */
const mostRepeats = 1_000;

/** Null for a pattern that can be handed on, else why it cannot. */
export function whyNotPortable(pattern: string): string | null {
  try {
    const { steps, repeats } = new Reader(pattern).read();
    if (repeats > mostRepeats) return `repeats a part more than ${mostRepeats} times`;
    return steps > mostSteps ? `takes about ${steps} steps, and Envoy runs patterns of up to 100` : null;
  } catch (error) {
    if (error instanceof NotShared) return error.message;
    throw error;
  }
}

class NotShared extends Error {}

type Cost = { readonly steps: number; readonly repeats: number };

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Cost {
    const cost = this.#either();
    if (this.#at < this.#text.length) throw new NotShared('has a ")" too many');
    return cost;
  }

  #either(): Cost {
    let cost = this.#sequence();
    while (this.#takes('|')) {
      const other = this.#sequence();
      cost = { steps: cost.steps + other.steps + 1, repeats: Math.max(cost.repeats, other.repeats) };
    }
    return cost;
  }

  #sequence(): Cost {
    let steps = 0;
    let repeats = 1;
    while (this.#at < this.#text.length && !'|)'.includes(this.#text[this.#at]!)) {
      const cost = this.#quantified(this.#atom());
      steps += cost.steps;
      repeats = Math.max(repeats, cost.repeats);
    }
    return { steps, repeats };
  }

  #quantified({ steps, repeats }: Cost): Cost {
    const found = this.#match(/[*+?]|\{(\d+)(,(\d*))?\}/y);
    if (!found) return { steps, repeats };
    this.#takes('?');
    const [, least, , most] = found;
    if (least === undefined) return { steps: steps + 2, repeats };
    const times = Math.max(1, Number(most || least) + (most === '' ? 1 : 0));
    return { steps: times * (steps + 2), repeats: times * repeats };
  }

  #atom(): Cost {
    if (this.#takes('(')) {
      this.#takes('?:');
      if (this.#text[this.#at] === '?') throw new NotShared('has a group other than ( and (?:');
      const cost = this.#either();
      if (!this.#takes(')')) throw new NotShared('has a "(" too many');
      return { steps: cost.steps + 2, repeats: cost.repeats };
    }
    if (this.#takes('[')) return this.#class();
    if (this.#takes('\\')) return { steps: this.#escape(), repeats: 1 };
    if (this.#takes('.')) return { steps: 2, repeats: 1 };
    if (this.#match(/[\]{}]/y))
      throw new NotShared('has a bracket that stands for itself; write a backslash before it');
    return { steps: Buffer.byteLength(this.#match(/./suy)![0]), repeats: 1 };
  }

  #class(): Cost {
    let steps = this.#takes('^') ? 1 : 0;
    const start = this.#at;
    while (!this.#takes(']')) {
      if (this.#at >= this.#text.length || '[&~'.includes(this.#text[this.#at]!))
        throw new NotShared('has a class of characters that is read in more than one way');
      if (this.#takes('\\')) steps += this.#escape();
      else if (this.#match(/[\x20-\x7e]/y)) steps += 1;
      else throw new NotShared('has a class of other characters than those of ASCII');
    }
    if (this.#at === start + 1) throw new NotShared('has an empty class');
    return { steps, repeats: 1 };
  }

  /** After the backslash; the steps of the characters it stands for. */
  #escape(): number {
    if (this.#match(/[dw]/y)) return 4;
    if (this.#match(/[DWbBtnrfv]|x[0-9A-Fa-f]{2}|[^\w\s]/y)) return 5;
    throw new NotShared('has an escape that is read in more than one way');
  }

  #takes(text: string): boolean {
    const isThere = this.#text.startsWith(text, this.#at);
    if (isThere) this.#at += text.length;
    return isThere;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found) this.#at = pattern.lastIndex;
    return found;
  }
}
