/**
 * Values by path, in a radix tree: a walk over the path's characters finds the exact one and every prefix on the way,
 * without cutting the path or hashing it. A prefix ends where a segment does: `/shop` is one of `/shop`, `/shop/` and
 * `/shop/cart`, not of `/shopping`.
 */
export type Prefix<Value> = { readonly length: number; readonly value: Value };

type Node<Value> = {
  /** Characters between the node above and this one. */
  label: string;
  exact: Value | null;
  prefix: Prefix<Value> | null;
  /** First characters of the nodes below, in the order of `children`. */
  firsts: number[];
  children: Node<Value>[];
};

const SLASH = 47;

export class PathTree<Value> {
  readonly #root: Node<Value> = leaf('');
  #hasExact = false;

  /** The value of exactly this path; `make` makes it where there is none yet. */
  atPath(path: string, make: () => Value): Value {
    this.#hasExact = true;
    const node = nodeAt(this.#root, path);
    node.exact ??= make();
    return node.exact;
  }

  /** The value of a prefix; `/shop/` is the same as `/shop`, and `/` is one of every path. */
  atPrefix(prefix: string, make: () => Value): Value {
    const text = withoutSlash(prefix);
    const node = nodeAt(this.#root, text);
    node.prefix ??= { length: text.length, value: make() };
    return node.prefix.value;
  }

  /** The value of exactly this path. */
  exact(path: string): Value | null {
    if (!this.#hasExact) return null;
    let node = this.#root;
    let at = 0;
    while (at < path.length) {
      const next = below(node, path, at);
      if (next === null || !continues(path, at, next.label)) return null;
      at += next.label.length;
      node = next;
    }
    return node.exact;
  }

  /** The longest prefix of a path that has a value and no more than `within` characters. */
  prefix(path: string, within: number): Prefix<Value> | null {
    const end = path.length > 0 && path.charCodeAt(path.length - 1) === SLASH ? path.length - 1 : path.length;
    const last = Math.min(end, within);
    let node = this.#root;
    let at = 0;
    let longest: Prefix<Value> | null = null;
    for (;;) {
      if (node.prefix !== null && (at === 0 || at === end || path.charCodeAt(at) === SLASH)) longest = node.prefix;
      if (at >= last) return longest;
      const next = below(node, path, at);
      if (next === null || at + next.label.length > last || !continues(path, at, next.label)) return longest;
      at += next.label.length;
      node = next;
    }
  }
}

function leaf<Value>(label: string): Node<Value> {
  return { label, exact: null, prefix: null, firsts: [], children: [] };
}

function below<Value>(node: Node<Value>, path: string, at: number): Node<Value> | null {
  const first = path.charCodeAt(at);
  const { firsts } = node;
  for (let i = 0; i < firsts.length; i++) if (firsts[i] === first) return node.children[i]!;
  return null;
}

function continues(path: string, at: number, label: string): boolean {
  if (at + label.length > path.length) return false;
  for (let i = 1; i < label.length; i++) if (path.charCodeAt(at + i) !== label.charCodeAt(i)) return false;
  return true;
}

/** The node of a text, made and split off where it is missing. */
function nodeAt<Value>(root: Node<Value>, text: string): Node<Value> {
  let node = root;
  let at = 0;
  while (at < text.length) {
    const place = node.firsts.indexOf(text.charCodeAt(at));
    if (place === -1) {
      const added = leaf<Value>(text.slice(at));
      node.firsts.push(text.charCodeAt(at));
      node.children.push(added);
      return added;
    }
    const child = node.children[place]!;
    let same = 1;
    while (same < child.label.length && child.label.charCodeAt(same) === text.charCodeAt(at + same)) same++;
    if (same < child.label.length) node.children[place] = split(child, same);
    node = node.children[place]!;
    at += same;
  }
  return node;
}

function split<Value>(child: Node<Value>, at: number): Node<Value> {
  const upper = leaf<Value>(child.label.slice(0, at));
  child.label = child.label.slice(at);
  upper.firsts.push(child.label.charCodeAt(0));
  upper.children.push(child);
  return upper;
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
