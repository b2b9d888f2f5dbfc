/**
 * Rank tests on fewer features than joint states. If a table has rank at most k, so has every matrix $F_A P F_B^\top$: features that carry the dependence leave
 * fewer degrees of freedom, and so more power, than all joint states.
 */
import { product } from "../internal/arrays.js";
import { chiSquareTail } from "./chi-square.js";
import { kleibergenPaap } from "./statistics.js";
import { type Cells, type Proportions, decompose } from "./table.js";

/** A side of a table in parts: joint states within a part, main effects across parts. */
export interface Side {
  /** Extents of the variables, in the order of the table's joint states. */
  readonly extents: readonly number[];
  /** Positions of the variables of each part. */
  readonly parts: readonly (readonly number[])[];
}

/** How many features a side has: a constant, and for each part one less than its joint states. */
export function numFeatures({ extents, parts }: Side): number {
  return parts.reduce((sum, part) => sum + product(part.map((axis) => extents[axis]!)) - 1, 1);
}

/** Expected counts of the rarest pair of states from which on the statistic is trusted. */
const THICK = 10;

/** p-value of "rank at most k" of the table between two sets of features; undefined when they are too few for k to restrict them, or a state of a part is too rare. */
export function featureTest(
  table: Proportions,
  left: Side,
  right: Side,
  k: number,
): number | undefined {
  if (k >= Math.min(numFeatures(left), numFeatures(right))) return undefined;
  const rarest =
    rarestState(left, table.rows, table.a) * rarestState(right, table.columns, table.b);
  if (table.n * rarest < THICK) return undefined;
  const g = orthonormal(left, table.rows, table.a);
  const h = orthonormal(right, table.columns, table.b);
  if (k >= Math.min(g.p, h.p)) return 1;
  const theta = cross(g, table, h);
  const statistic = kleibergenPaap(table, theta, decompose(theta), k, g, h);
  return chiSquareTail(Math.max(0, statistic), (g.p - k) * (h.p - k)).p;
}

/** Joint state, within a part, of a joint state of all variables. */
function stateWithin(
  extents: readonly number[],
  part: readonly number[],
): (cell: number) => number {
  const inner = part.map((axis) => product(extents.slice(axis + 1)));
  return (cell) =>
    part.reduce(
      (state, axis, i) => state * extents[axis]! + (Math.floor(cell / inner[i]!) % extents[axis]!),
      0,
    );
}

/** The smallest probability of a joint state of a part, among those that occur. */
function rarestState(
  { extents, parts }: Side,
  kept: readonly number[],
  margin: Float64Array,
): number {
  let least = 1;
  for (const part of parts) {
    const stateOf = stateWithin(extents, part);
    const mass = new Map<number, number>();
    kept.forEach((cell, i) => mass.set(stateOf(cell), (mass.get(stateOf(cell)) ?? 0) + margin[i]!));
    least = Math.min(least, ...mass.values());
  }
  return least;
}

/** Features of a side as rows over the kept joint states, orthonormal under the margin; dependent ones are left out. */
function orthonormal(
  { extents, parts }: Side,
  kept: readonly number[],
  margin: Float64Array,
): Cells {
  const size = kept.length;
  const basis: Float64Array[] = [];
  const add = (feature: Float64Array): void => {
    let before = 0;
    for (let i = 0; i < size; i++) before += margin[i]! * feature[i]! ** 2;
    for (let pass = 0; pass < 2; pass++)
      for (const other of basis) {
        let along = 0;
        for (let i = 0; i < size; i++) along += margin[i]! * feature[i]! * other[i]!;
        for (let i = 0; i < size; i++) feature[i]! -= along * other[i]!;
      }
    let norm = 0;
    for (let i = 0; i < size; i++) norm += margin[i]! * feature[i]! ** 2;
    if (norm > 1e-10 * before) basis.push(feature.map((x) => x / Math.sqrt(norm)));
  };
  add(new Float64Array(size).fill(1));
  for (const part of parts) {
    const stateOf = stateWithin(extents, part);
    const states = product(part.map((axis) => extents[axis]!));
    for (let s = 1; s < states; s++)
      add(Float64Array.from(kept, (cell) => (stateOf(cell) === s ? 1 : 0)));
  }
  const data = new Float64Array(basis.length * size);
  basis.forEach((row, i) => data.set(row, i * size));
  return { p: basis.length, q: size, data };
}

/** G P Hᵀ. */
function cross(g: Cells, { p, q, data }: Proportions, h: Cells): Cells {
  const half = new Float64Array(g.p * q);
  for (let r = 0; r < g.p; r++)
    for (let i = 0; i < p; i++) {
      const x = g.data[r * p + i]!;
      if (x !== 0) for (let j = 0; j < q; j++) half[r * q + j]! += x * data[i * q + j]!;
    }
  const out = new Float64Array(g.p * h.p);
  for (let r = 0; r < g.p; r++)
    for (let c = 0; c < h.p; c++) {
      let sum = 0;
      for (let j = 0; j < q; j++) sum += half[r * q + j]! * h.data[c * q + j]!;
      out[r * h.p + c] = sum;
    }
  return { p: g.p, q: h.p, data: out };
}
