/** Partially directed graphs: what tests of independence can orient, and one acyclic graph in agreement with it. */

/** `ends[i][j]`: there is an edge that can be passed from i to j. True both ways is an undirected edge. Functions here write into it. */
export type Ends = boolean[][];

export function noEdges(size: number): Ends {
  return Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
}

export const adjacent = (ends: Ends, i: number, j: number): boolean => ends[i]![j]! || ends[j]![i]!;
export const undirected = (ends: Ends, i: number, j: number): boolean =>
  ends[i]![j]! && ends[j]![i]!;
export const directed = (ends: Ends, i: number, j: number): boolean =>
  ends[i]![j]! && !ends[j]![i]!;

/** Orients i → j. */
export function orient(ends: Ends, i: number, j: number): void {
  ends[i]![j] = true;
  ends[j]![i] = false;
}

/** Orients i → k ← j for all i, j that are not adjacent and whose separating set lacks k. Earlier orientations are kept. */
export function orientColliders(
  ends: Ends,
  separator: (i: number, j: number) => readonly number[] | undefined,
): void {
  const n = ends.length;
  for (let k = 0; k < n; k++)
    for (let i = 0; i < n; i++)
      for (let j = i + 1; j < n; j++) {
        if (
          i === k ||
          j === k ||
          adjacent(ends, i, j) ||
          !adjacent(ends, i, k) ||
          !adjacent(ends, j, k)
        )
          continue;
        const set = separator(i, j);
        if (set === undefined || set.includes(k)) continue;
        if (ends[i]![k]! && ends[j]![k]!) {
          orient(ends, i, k);
          orient(ends, j, k);
        }
      }
}

/** Meek's rules 1 to 4, until nothing changes. */
export function applyMeekRules(ends: Ends): void {
  const n = ends.length;
  const all = Array.from({ length: n }, (_, i) => i);
  const compelled = (i: number, j: number): boolean =>
    // 1: k → i − j, k and j not adjacent
    all.some((k) => directed(ends, k, i) && k !== j && !adjacent(ends, k, j)) ||
    // 2: i → k → j
    all.some((k) => directed(ends, i, k) && directed(ends, k, j)) ||
    // 3: i − k → j, i − l → j, k and l not adjacent
    all.some(
      (k) =>
        undirected(ends, i, k) &&
        directed(ends, k, j) &&
        all.some(
          (l) => l !== k && undirected(ends, i, l) && directed(ends, l, j) && !adjacent(ends, k, l),
        ),
    ) ||
    // 4: i − k → l → j, with i adjacent to l, k and j not adjacent
    all.some(
      (k) =>
        undirected(ends, i, k) &&
        !adjacent(ends, k, j) &&
        all.some((l) => directed(ends, k, l) && directed(ends, l, j) && adjacent(ends, i, l)),
    );
  for (let changed = true; changed;) {
    changed = false;
    for (const i of all)
      for (const j of all)
        if (i !== j && undirected(ends, i, j) && compelled(i, j)) {
          orient(ends, i, j);
          changed = true;
        }
  }
}

/** An acyclic orientation without new colliders (Dor, Tarsi 1992); where there is none, some acyclic orientation. */
export function extendToDag(ends: Ends): Ends {
  const out = ends.map((row) => [...row]);
  const work = ends.map((row) => [...row]);
  const left = new Set(ends.map((_, i) => i));
  while (left.size > 0) {
    const isSink = (x: number): boolean => [...left].every((y) => !directed(work, x, y));
    const isPeelable = (x: number): boolean => {
      const near = [...left].filter((y) => y !== x && adjacent(work, x, y));
      return near.every(
        (y) => !undirected(work, x, y) || near.every((z) => z === y || adjacent(work, y, z)),
      );
    };
    const sinks = [...left].filter(isSink);
    const x = sinks.find(isPeelable) ?? sinks[0] ?? [...left][0]!;
    for (const y of left)
      if (y !== x && adjacent(work, x, y)) {
        orient(out, y, x);
        work[x]![y] = work[y]![x] = false;
      }
    left.delete(x);
  }
  return out;
}

/** Which edges every member of the Markov equivalence class directs alike. `ends[i][j]` and `ends[j][i]`: not compelled. */
export function equivalenceEnds({
  nodes,
  parents,
}: {
  readonly nodes: readonly { readonly latent: boolean }[];
  readonly parents: readonly (readonly number[])[];
}): Ends {
  const n = nodes.length;
  const ends = noEdges(n);
  parents.forEach((p, c) => p.forEach((x) => (ends[x]![c] = ends[c]![x] = true)));
  // colliders of the graph are those of the class: a separating set holds the middle of i, k, j exactly when it is no collider
  const isCollider = (i: number, k: number, j: number): boolean =>
    parents[k]!.includes(i) && parents[k]!.includes(j);
  for (let k = 0; k < n; k++)
    orientColliders(ends, (i, j) =>
      adjacent(ends, i, k) && adjacent(ends, j, k) && isCollider(i, k, j)
        ? nodes.map((_, x) => x).filter((x) => x !== k)
        : nodes.map((_, x) => x),
    );
  // an observed variable without children is a leaf of every member
  const leaf = (c: number): boolean => !nodes[c]!.latent && parents.every((p) => !p.includes(c));
  parents.forEach((p, c) =>
    p.forEach((x) => {
      if (nodes[x]!.latent && leaf(c)) orient(ends, x, c);
    }),
  );
  applyMeekRules(ends);
  return ends;
}
