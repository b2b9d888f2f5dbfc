/**
 * The polytopes $\lbrace z \ge 0 : M z \le 1\rbrace$ of games in exact arithmetic: a dictionary of integers, pivoted by
 * the lexicographic rule, under which degenerate polytopes behave like simple ones.
 */

/** $D z_B = b - A z_N$ with integers: one row for each basic variable, one column for each other, the last column b. */
export interface Dictionary {
  readonly basic: readonly number[];
  readonly others: readonly number[];
  readonly rows: readonly (readonly bigint[])[];
  readonly denominator: bigint;
  /** Variables from here on are the slacks of the rows; the lexicographic order reads their columns. */
  readonly slack: number;
}

/** The dictionary of the vertex 0. `entry(row, column)` are positive integers; variables 0 … n − 1 are z, then come the slacks. */
export function dictionary(
  rows: number,
  n: number,
  entry: (row: number, column: number) => bigint,
): Dictionary {
  return {
    basic: Array.from({ length: rows }, (_, i) => n + i),
    others: Array.from({ length: n }, (_, j) => j),
    rows: Array.from({ length: rows }, (_, i) => [
      ...Array.from({ length: n }, (__, j) => entry(i, j)),
      1n,
    ]),
    denominator: 1n,
    slack: n,
  };
}

/** The row whose variable leaves when that of a column enters: unique, since no two rows tie in all columns of slacks. */
export function leaving(
  { basic, others, rows, denominator, slack }: Dictionary,
  column: number,
): number {
  const last = others.length;
  let candidates = rows.flatMap((row, i) => (row[column]! > 0n ? [i] : []));
  const keepLeast = (of: (i: number) => bigint): void => {
    let best = candidates.slice(0, 1);
    for (const i of candidates.slice(1)) {
      const difference = of(i) * rows[best[0]!]![column]! - of(best[0]!) * rows[i]![column]!;
      if (difference < 0n) best = [i];
      else if (difference === 0n) best.push(i);
    }
    candidates = best;
  };
  keepLeast((i) => rows[i]![last]!);
  for (let s = 0; candidates.length > 1 && s < rows.length; s++) {
    const place = others.indexOf(slack + s);
    const row = place < 0 ? basic.indexOf(slack + s) : -1;
    keepLeast(place < 0 ? (i) => (i === row ? denominator : 0n) : (i) => rows[i]![place]!);
  }
  return candidates[0]!;
}

/** The dictionary after the variable of a column has changed places with that of a row. */
export function pivoted(from: Dictionary, row: number, column: number): Dictionary {
  const { basic, others, rows, denominator } = from;
  const [pivotRow, pivot] = [rows[row]!, rows[row]![column]!];
  return {
    ...from,
    basic: basic.map((v, i) => (i === row ? others[column]! : v)),
    others: others.map((v, j) => (j === column ? basic[row]! : v)),
    rows: rows.map((entries, i) => {
      if (i === row) return entries.map((x, j) => (j === column ? denominator : x));
      const factor = entries[column]!;
      if (factor === 0n && pivot === denominator) return entries;
      return entries.map((x, j) =>
        j === column ? -factor : (x * pivot - factor * pivotRow[j]!) / denominator,
      );
    }),
    denominator: pivot,
  };
}

/** Numerators of z over the common denominator. */
export function pointOf({ basic, others, rows, slack }: Dictionary): bigint[] {
  const z = new Array<bigint>(slack).fill(0n);
  basic.forEach((v, i) => {
    if (v < slack) z[v] = rows[i]![others.length]!;
  });
  return z;
}

/** The variables that are 0, those of the basis included. */
export function zeros({ basic, others, rows }: Dictionary): number[] {
  return [...others, ...basic.filter((_, i) => rows[i]![others.length] === 0n)];
}

/** A vertex, and the variables that are 0 there: they tell it from all others. */
export interface Vertex {
  readonly point: readonly bigint[];
  readonly zeros: readonly number[];
}

/**
 * All vertices but 0, by walking along the edges of the polytope; undefined when there is more to do than `most` bases
 * allow.
 */
export function vertices(start: Dictionary, most: number): Vertex[] | undefined {
  const key = (variables: readonly number[]): string => [...variables].sort((a, b) => a - b).join();
  const seen = new Set([key(start.others)]);
  const found = new Map<string, Vertex>();
  const stack = [start];
  for (let at = stack.pop(); at; at = stack.pop()) {
    const tight = zeros(at);
    const point = pointOf(at);
    if (point.some((x) => x !== 0n)) found.set(key(tight), { point, zeros: tight });
    for (let column = 0; column < at.others.length; column++) {
      const row = leaving(at, column);
      const next = key(at.others.map((v, j) => (j === column ? at.basic[row]! : v)));
      if (seen.has(next)) continue;
      if (seen.size >= most) return undefined;
      seen.add(next);
      stack.push(pivoted(at, row, column));
    }
  }
  return [...found.values()];
}
