/** Columns that say again what others say: repeats, and the answers of one item written as columns. */
import type { Item, SetAside } from "./item.js";

/** Without columns that repeat another, and without yes-or-no columns of which every row has exactly one: the answers of one item, written as columns. */
export function withoutDummies(items: readonly Item[], setAside: SetAside[]): readonly Item[] {
  const out = new Set<Item>();
  const placed = items.map(placesOf);
  items.forEach((item, i) => {
    const twin = items
      .slice(0, i)
      .find((other, j) => !out.has(other) && isRepeat(placed[i]!, placed[j]!));
    if (twin === undefined) return;
    out.add(item);
    setAside.push({ name: item.name, reason: `it repeats ${twin.name}` });
  });
  const binary = items.filter((item) => item.numStates === 2 && !out.has(item));
  for (const first of binary) {
    if (out.has(first)) continue;
    const set = exclusiveWith(
      first,
      binary.filter((item) => !out.has(item)),
    );
    if (set.length < 3 || !coversAll(set)) continue;
    const names = set.map(({ name }) => name);
    for (const item of set) {
      out.add(item);
      setAside.push({
        name: item.name,
        reason: `${names.join(", ")} are the answers of one item, exactly one of them in every row; give it as one column`,
      });
    }
  }
  return items.filter((item) => !out.has(item));
}

/** Whether two items have the same order of answers in every row, or the opposite one; a continuous item in another unit repeats too. */
function isRepeat(a: Places, b: Places): boolean {
  if (a.count !== b.count) return false;
  let [same, opposite] = [true, true];
  for (let r = 0; r < a.of.length && (same || opposite); r++) {
    const [x, y] = [a.of[r]!, b.of[r]!];
    if (x !== y) same = false;
    if (x < 0 ? y >= 0 : x !== a.count - 1 - y) opposite = false;
  }
  return same || opposite;
}

/** Of every row the place of its answer among the different ones, −1 where it is missing. */
interface Places {
  readonly of: Float64Array;
  readonly count: number;
}

function placesOf({ kind, values, numStates }: Item): Places {
  if (kind === "ordered") return { of: values, count: numStates };
  const different = [...new Set(values)].filter((x) => !Number.isNaN(x)).sort((x, y) => x - y);
  const place = new Map(different.map((x, i) => [x, i]));
  return { of: values.map((x) => place.get(x) ?? -1), count: different.length };
}

/** Columns that are never high together, the first among them. */
function exclusiveWith(first: Item, candidates: readonly Item[]): Item[] {
  const set = [first];
  for (const item of candidates)
    if (item !== first && set.every((other) => neverTogether(item, other))) set.push(item);
  return set;
}

function neverTogether(a: Item, b: Item): boolean {
  for (let r = 0; r < a.values.length; r++)
    if (a.values[r] === 1 && b.values[r] === 1) return false;
  return true;
}

function coversAll(set: readonly Item[]): boolean {
  for (let r = 0; r < set[0]!.values.length; r++) {
    let [sum, known] = [0, true];
    for (const { values } of set) {
      if (values[r]! < 0) known = false;
      else sum += values[r]!;
    }
    if (known && sum !== 1) return false;
  }
  return true;
}
