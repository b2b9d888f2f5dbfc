/** Subsets of small lists, in lexicographic order. */

/** All subsets with `size` members. */
export function combinations<T>(items: readonly T[], size: number): T[][] {
  const found: T[][] = [];
  const grow = (start: number, chosen: readonly T[]): void => {
    if (chosen.length === size) {
      found.push([...chosen]);
      return;
    }
    for (let i = start; i <= items.length - (size - chosen.length); i++)
      grow(i + 1, [...chosen, items[i]!]);
  };
  if (size <= items.length) grow(0, []);
  return found;
}

/** At most `count` members, evenly spaced, first and last among them. */
export function evenlySpaced<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from(
    { length: count },
    (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))]!,
  );
}

/** All ways to take one member of each list. */
export function cartesian<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>(
    (rows, list) => rows.flatMap((row) => list.map((item) => [...row, item])),
    [[]],
  );
}
