/** The simplex method on a dense tableau, for programs of a few hundred numbers. */
import type { DenseProgram } from "./program.js";

/** Below this a coefficient counts as zero; rows are scaled to a largest entry of 1. */
const ZERO = 1e-11;
/** After this many pivots without progress the rule changes to Bland's, which cannot cycle. */
const STALL = 60;
/** Smaller entries are not pivoted on. */
const PIVOT = 1e-9;

export interface SimplexSolution {
  readonly status: "optimal" | "infeasible" | "unbounded";
  readonly x: Float64Array;
  readonly value: number;
  readonly multipliers: Float64Array;
}

/** Columns: n variables, one slack for every inequality, one artificial for every row, the right-hand side. Last row: reduced costs. */
interface Tableau {
  readonly rows: number;
  readonly width: number;
  readonly data: Float64Array;
  readonly basis: Int32Array;
}

function pivot({ rows, width, data, basis }: Tableau, row: number, column: number): void {
  const at = row * width;
  const scale = 1 / data[at + column]!;
  for (let j = 0; j < width; j++) data[at + j]! *= scale;
  data[at + column] = 1;
  for (let i = 0; i <= rows; i++) {
    if (i === row) continue;
    const factor = data[i * width + column]!;
    if (factor === 0) continue;
    for (let j = 0; j < width; j++) data[i * width + j]! -= factor * data[at + j]!;
    data[i * width + column] = 0;
  }
  basis[row] = column;
}

/** Pivots until no reduced cost among the first `columns` is negative. False when the value falls without bound. */
function minimise(t: Tableau, columns: number): boolean {
  const { rows, width, data, basis } = t;
  const costs = rows * width;
  let stalled = 0;
  let best = Infinity;
  for (;;) {
    let enter = -1;
    let least = -ZERO;
    for (let j = 0; j < columns; j++) {
      const cost = data[costs + j]!;
      if (cost >= least) continue;
      enter = j;
      if (stalled > STALL) break;
      least = cost;
    }
    if (enter < 0) return true;
    let ratio = Infinity;
    for (let i = 0; i < rows; i++) {
      const a = data[i * width + enter]!;
      if (a > PIVOT) ratio = Math.min(ratio, Math.max(0, data[i * width + width - 1]!) / a);
    }
    if (ratio === Infinity) return false;
    // Rows that tie: the largest pivot is the most accurate one; Bland's rule takes the smallest index among those that are not much smaller.
    let leave = -1;
    let largest = 0;
    const limit = ratio + 1e-11 * (1 + ratio);
    for (let i = 0; i < rows; i++) {
      const a = data[i * width + enter]!;
      if (a > PIVOT && Math.max(0, data[i * width + width - 1]!) / a <= limit) largest = Math.max(largest, a);
    }
    for (let i = 0; i < rows; i++) {
      const a = data[i * width + enter]!;
      if (!(a > PIVOT) || Math.max(0, data[i * width + width - 1]!) / a > limit) continue;
      if (stalled > STALL ? a >= 1e-4 * largest && (leave < 0 || basis[i]! < basis[leave]!) : a === largest) leave = i;
    }
    pivot(t, leave, enter);
    const value = -data[costs + width - 1]!;
    stalled = value < best - 1e-13 * (1 + Math.abs(value)) ? 0 : stalled + 1;
    best = Math.min(best, value);
  }
}

export function simplex({ n, cost, matrix, bounds, inequalities }: DenseProgram): SimplexSolution {
  const rows = bounds.length;
  const structural = n + inequalities;
  const width = structural + rows + 1;
  const data = new Float64Array((rows + 1) * width);
  const basis = new Int32Array(rows);
  const signs = new Float64Array(rows);
  const scales = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    let largest = 0;
    for (let j = 0; j < n; j++) largest = Math.max(largest, Math.abs(matrix[i * n + j]!));
    scales[i] = largest > 0 ? 1 / largest : 1;
    signs[i] = bounds[i]! < 0 ? -1 : 1;
    const factor = signs[i]! * scales[i]!;
    for (let j = 0; j < n; j++) data[i * width + j] = factor * matrix[i * n + j]!;
    if (i < inequalities) data[i * width + n + i] = signs[i]!;
    data[i * width + structural + i] = 1;
    data[i * width + width - 1] = factor * bounds[i]!;
    // A slack can start in the basis where its sign is right; otherwise the artificial variable does.
    basis[i] = i < inequalities && signs[i] === 1 ? n + i : structural + i;
  }
  const t: Tableau = { rows, width, data, basis };
  const costs = rows * width;
  // Phase one: drive the artificial variables out.
  for (let i = 0; i < rows; i++) {
    if (basis[i]! < structural) continue;
    for (let j = 0; j < structural; j++) data[costs + j]! -= data[i * width + j]!;
    data[costs + width - 1]! -= data[i * width + width - 1]!;
  }
  minimise(t, structural);
  const none = (status: "infeasible" | "unbounded"): SimplexSolution => ({
    status,
    x: new Float64Array(n).fill(NaN),
    value: NaN,
    multipliers: new Float64Array(rows).fill(NaN),
  });
  if (-data[costs + width - 1]! > 1e-9) return none("infeasible");
  for (let i = 0; i < rows; i++) {
    if (basis[i]! < structural) continue;
    let column = -1;
    for (let j = 0; j < structural && column < 0; j++) if (Math.abs(data[i * width + j]!) > 1e-9) column = j;
    if (column >= 0) pivot(t, i, column);
  }
  // Phase two: the true costs, expressed in the basis.
  data.fill(0, costs);
  for (let j = 0; j < n; j++) data[costs + j] = cost[j]!;
  for (let i = 0; i < rows; i++) {
    const c = basis[i]! < n ? cost[basis[i]!]! : 0;
    if (c === 0) continue;
    for (let j = 0; j < width; j++) data[costs + j]! -= c * data[i * width + j]!;
    data[costs + basis[i]!] = 0;
  }
  if (!minimise(t, structural)) return none("unbounded");
  const x = new Float64Array(n);
  for (let i = 0; i < rows; i++) if (basis[i]! < n) x[basis[i]!] = Math.max(0, data[i * width + width - 1]!);
  const multipliers = Float64Array.from({ length: rows }, (_, i) => -data[costs + structural + i]! * signs[i]! * scales[i]! + 0);
  return { status: "optimal", x, value: cost.reduce((sum, c, j) => sum + c * x[j]!, 0), multipliers };
}
