/** What a part of a key may be. */
export type PartValue = string | number | boolean | null;

/** Something that can be found by the values of its parts. */
export interface Indexed {
  /** The values by which it is found; null for what is found by its key only. */
  readonly values: readonly PartValue[] | null;
}

type Node<T> = T | Map<PartValue, Node<T>>;

/**
 * Finds what is held by the values of its parts, one map for each part and none for a part that decides nothing. A
 * joined key would have to be built and hashed at every lookup; the parts are strings whose hashes are known already.
 * It holds exactly what it was given and not asked to drop: memory is bounded by whoever fills it.
 */
export class PartIndex<T extends Indexed> {
  readonly #root = new Map<PartValue, Node<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The one with these values, given as an object and the names to look at, in the order of `values`. */
  find(parts: Readonly<Record<string, PartValue>>, names: readonly string[]): T | undefined {
    let node: Node<T> | undefined = this.#root.get(parts[names[0] as string] as PartValue);
    for (let depth = 1; node instanceof Map; depth += 1) {
      node = node.get(parts[names[depth] as string] as PartValue);
    }
    if (node === undefined) return undefined;
    const values = node.values as readonly PartValue[];
    for (let at = 0; at < values.length; at += 1) {
      // Zeros are told apart in keys and not in maps: none is indexed with the negative one, and none found by it.
      const value = parts[names[at] as string];
      if (value !== values[at] || (value === 0 && Object.is(value, -0))) return undefined;
    }
    return node;
  }

  /** In place of what had the same values. */
  put(item: T): void {
    const { values } = item;
    if (values === null) return;
    let map = this.#root;
    for (let depth = 0; ; depth += 1) {
      const value = values[depth] as PartValue;
      const found: Node<T> | undefined = map.get(value);
      if (found instanceof Map) {
        map = found;
        continue;
      }
      if (found === undefined || sameValues(found, values)) {
        if (found === undefined) this.#size += 1;
        map.set(value, item);
        return;
      }
      const below = new Map<PartValue, Node<T>>();
      below.set((found.values as readonly PartValue[])[depth + 1] as PartValue, found);
      map.set(value, below);
      map = below;
    }
  }

  /** Only this very item: another with the same values may have taken its place. */
  drop(item: T): void {
    const { values } = item;
    if (values === null) return;
    const path: Map<PartValue, Node<T>>[] = [];
    let node: Node<T> | undefined = this.#root;
    while (node instanceof Map) {
      path.push(node);
      node = node.get(values[path.length - 1] as PartValue);
    }
    if (node !== item) return;
    this.#size -= 1;
    for (let depth = path.length - 1; depth >= 0; depth -= 1) {
      const map = path[depth] as Map<PartValue, Node<T>>;
      map.delete(values[depth] as PartValue);
      if (map.size > 0) return;
    }
  }
}

function sameValues(item: Indexed, values: readonly PartValue[]): boolean {
  return values.every((value, at) => item.values?.[at] === value);
}

/** Where something is found without its key. */
export type Spot = Readonly<{ index: PartIndex<Indexed>; values: readonly PartValue[] }>;

/** Whether a map tells these values apart as keys do. */
export function isIndexable(values: readonly PartValue[]): boolean {
  return values.length > 0 && values.every((value) => !Number.isNaN(value) && !Object.is(value, -0));
}
