/** Fewer states that say the same: an observed variable under a latent with r states has only r − 1 directions of use. */
import { type NdArray } from "@provably/core-tensor";
import { check, wholeNumber } from "@provably/core-tensor/internal";
import { toInts } from "../internal/arrays.js";
import { float64Of } from "../internal/arrays.js";
import { type LabelData, type Rows, crossTable, rowsOfLabels } from "./labels.js";

/**
 * Data with merged states.
 * @category Data
 */
export interface CollapsedData {
  /** New labels, int32 [n, q]. */
  readonly data: NdArray<"int32">;
  /** State counts of the columns, at most `states`. */
  readonly states: readonly number[];
  /** For each column, the new state of every old one, in the order of `codes`. */
  readonly maps: readonly (readonly number[])[];
  /** For each column, the codes that its old states had in the data. */
  readonly codes: readonly (readonly number[])[];
  /** For each column, the weighted scatter of profiles within groups relative to that of one group; 0 says that nothing was lost. */
  readonly losses: readonly number[];
}

/**
 * Merges the states of every variable into at most r groups with the same conditional profile.
 *
 * The profile of state a of a column is the concatenation of $\hat P(x_i \mid x_j = a)$ over the other columns i. Among all maps onto r groups the one with the
 * least scatter $\sum_a \hat P(a) \lVert \mathrm{prof}_a - \mathrm{mean} \rVert^2$ is taken: by enumeration up to 6 states, by greedy merging with exchanges
 * beyond. A function of a variable keeps every conditional independence, and smaller tables have fewer thin cells. Needs columns that depend on each other: of a
 * column independent of all others the groups are arbitrary.
 *
 * @param input - labels, see {@link LabelData}
 * @param states - r, an integer ≥ 2
 * @returns see {@link CollapsedData}
 * @throws `InvalidDataError` for bad labels or a constant column
 * @throws `DomainError` when `states` is no integer ≥ 2
 * @example
 * ```ts
 * import { collapseStates } from "@provably/causal-latent/hierarchy";
 *
 * // states 1 and 2 of the first column go with the same states of the second
 * collapseStates({ data: [[0, 0], [0, 0], [1, 1], [2, 1], [1, 1], [2, 1]] }, 2).maps[0]; // => [0, 1, 1]
 * ```
 * @category Data
 */
export function collapseStates(input: LabelData, states: number): CollapsedData {
  check("collapseStates", "states", states, wholeNumber(2));
  const rows = rowsOfLabels("collapseStates", input);
  const merged = rows.states.map((_, j) => mergeStates(rows, j, states));
  const { data, shape } = float64Of(input.data);
  const [n, q] = shape as [number, number];
  const stateOf = rows.codes.map((codes) => new Map(codes.map((code, s) => [code, s])));
  return {
    data: toInts(
      Int32Array.from(data, (x, i) => merged[i % q]!.map[stateOf[i % q]!.get(x)!]!),
      [n, q],
    ),
    codes: rows.codes,
    states: merged.map(({ map }) => Math.max(...map) + 1),
    maps: merged.map(({ map }) => map),
    losses: merged.map(({ loss }) => loss),
  };
}

/** Rows with merged states. */
export function collapsedRows(rows: Rows, states: number): Rows {
  if (rows.states.every((m) => m <= states)) return rows;
  const maps = rows.states.map((_, j) => mergeStates(rows, j, states).map);
  return {
    ...rows,
    states: maps.map((map) => Math.max(...map) + 1),
    columns: rows.columns.map((column, j) => column.map((x) => maps[j]![x]!)),
  };
}

/** The best map of one column's states onto at most `groups` groups. */
export function mergeStates(
  rows: Rows,
  column: number,
  groups: number,
): { readonly map: number[]; readonly loss: number } {
  const states = rows.states[column]!;
  const { profiles, weights } = profilesOf(rows, column);
  const everything = scatter(profiles, weights, new Array<number>(states).fill(0), 1);
  const relative = (loss: number): number => (everything > 0 ? loss / everything : 0);
  if (states <= groups) return { map: Array.from({ length: states }, (_, a) => a), loss: 0 };
  const { map, loss } =
    states <= 6 ? enumerate(profiles, weights, groups) : agglomerate(profiles, weights, groups);
  return { map, loss: relative(loss) };
}

/** P(every other column | this column = a) for every state a, and P(a). */
function profilesOf(
  rows: Rows,
  column: number,
): { profiles: Float64Array[]; weights: Float64Array } {
  const states = rows.states[column]!;
  const weights = new Float64Array(states);
  const parts = rows.states.map((_, i) =>
    i === column ? undefined : crossTable(rows, [column], [i]),
  );
  for (let r = 0; r < rows.weights.length; r++)
    weights[rows.columns[column]![r]!]! += rows.weights[r]! / rows.total;
  const profiles = Array.from({ length: states }, (_, a) =>
    Float64Array.from(
      parts.flatMap((table) =>
        table === undefined
          ? []
          : [...table.data.subarray(a * table.q, a * table.q + table.q)].map(
              (x) => x / Math.max(weights[a]! * rows.total, 1e-300),
            ),
      ),
    ),
  );
  return { profiles, weights };
}

function scatter(
  profiles: readonly Float64Array[],
  weights: Float64Array,
  map: readonly number[],
  groups: number,
): number {
  const length = profiles[0]!.length;
  let loss = 0;
  for (let g = 0; g < groups; g++) {
    let weight = 0;
    const mean = new Float64Array(length);
    for (let a = 0; a < map.length; a++)
      if (map[a] === g) {
        weight += weights[a]!;
        for (let c = 0; c < length; c++) mean[c]! += weights[a]! * profiles[a]![c]!;
      }
    if (weight === 0) continue;
    for (let a = 0; a < map.length; a++)
      if (map[a] === g)
        for (let c = 0; c < length; c++)
          loss += weights[a]! * (profiles[a]![c]! - mean[c]! / weight) ** 2;
  }
  return loss;
}

/** All maps onto the groups, in lexicographic order. */
function enumerate(
  profiles: readonly Float64Array[],
  weights: Float64Array,
  groups: number,
): { map: number[]; loss: number } {
  let best: { map: number[]; loss: number } = { map: [], loss: Infinity };
  const map = new Array<number>(profiles.length).fill(0);
  const total = groups ** profiles.length;
  for (let code = 0; code < total; code++) {
    for (let a = profiles.length - 1, rest = code; a >= 0; a--, rest = Math.floor(rest / groups))
      map[a] = rest % groups;
    if (new Set(map).size < groups) continue;
    const loss = scatter(profiles, weights, map, groups);
    if (loss < best.loss - 1e-15) best = { map: [...map], loss };
  }
  return best;
}

/**
 * Ward's merging of the closest groups, then exchanges of single states while they help. Both read
 * what a change costs off the means of the groups: with weights w, v of two groups and their means,
 * merging adds $\frac{w v}{w + v} \lVert \bar x - \bar y \rVert^2$ to the scatter.
 */
function agglomerate(
  profiles: readonly Float64Array[],
  weights: Float64Array,
  groups: number,
): { map: number[]; loss: number } {
  const length = profiles[0]!.length;
  const means = profiles.map((profile) => profile.slice());
  const sizes = [...weights];
  const members = profiles.map((_, a) => [a]);
  const alive = profiles.map((_, a) => a);
  const distance = (x: Float64Array, y: Float64Array): number => {
    let sum = 0;
    for (let c = 0; c < length; c++) sum += (x[c]! - y[c]!) ** 2;
    return sum;
  };
  const cost = (g: number, h: number): number => {
    const [w, v] = [sizes[g]!, sizes[h]!];
    return w + v > 0 ? ((w * v) / (w + v)) * distance(means[g]!, means[h]!) : 0;
  };
  const costs = profiles.map((_, g) => profiles.map((_, h) => (g < h ? cost(g, h) : 0)));
  /** Moves a share of the states with a mean into a group, or out of it where the weight is negative. */
  const shift = (g: number, weight: number, mean: Float64Array): void => {
    const total = sizes[g]! + weight;
    if (total > 1e-300)
      for (let c = 0; c < length; c++)
        means[g]![c] = (sizes[g]! * means[g]![c]! + weight * mean[c]!) / total;
    sizes[g] = Math.max(0, total);
  };
  while (alive.length > groups) {
    let best = { g: 0, h: 1, cost: Infinity };
    for (let i = 0; i < alive.length; i++)
      for (let j = i + 1; j < alive.length; j++) {
        const [g, h] = [alive[i]!, alive[j]!];
        if (costs[g]![h]! < best.cost - 1e-15) best = { g, h, cost: costs[g]![h]! };
      }
    const { g, h } = best;
    shift(g, sizes[h]!, means[h]!);
    members[g]!.push(...members[h]!);
    alive.splice(alive.indexOf(h), 1);
    for (const other of alive)
      if (other !== g) costs[Math.min(g, other)]![Math.max(g, other)] = cost(g, other);
  }
  const map = new Array<number>(profiles.length).fill(0);
  alive.forEach((g, i) => members[g]!.forEach((a) => (map[a] = i)));
  for (let round = 0; round < 100; round++) {
    let improved = false;
    for (let a = 0; a < map.length; a++) {
      const from = alive[map[a]!]!;
      if (map.filter((x) => x === map[a]).length === 1) continue;
      const w = weights[a]!;
      const left = sizes[from]! - w;
      if (!(w > 0 && left > 0)) continue;
      const gain = ((sizes[from]! * w) / left) * distance(profiles[a]!, means[from]!);
      let best = { to: map[a]!, change: -1e-15 };
      alive.forEach((g, i) => {
        if (i === map[a]) return;
        const change =
          ((sizes[g]! * w) / (sizes[g]! + w)) * distance(profiles[a]!, means[g]!) - gain;
        if (change < best.change) best = { to: i, change };
      });
      if (best.to === map[a]) continue;
      shift(from, -w, profiles[a]!);
      shift(alive[best.to]!, w, profiles[a]!);
      map[a] = best.to;
      improved = true;
    }
    if (!improved) break;
  }
  return { map, loss: scatter(profiles, weights, map, groups) };
}
