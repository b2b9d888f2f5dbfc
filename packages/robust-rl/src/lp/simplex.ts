/** The simplex method on a dense tableau, for programs of a few hundred numbers. */

/** The program as plain numbers, rows of inequalities first. */
export interface DenseProgram {
  readonly n: number;
  readonly cost: Float64Array;
  readonly matrix: Float64Array;
  readonly bounds: Float64Array;
  /** How many of the rows are inequalities. */
  readonly inequalities: number;
}

/** Below this a coefficient counts as zero; rows are scaled to a largest entry of 1. */
const ZERO = 1e-11;
/** After this many pivots without progress the rule changes to Bland's, which cannot cycle. */
const STALL = 60;
/** Entries smaller than this share of the largest in their column are not pivoted on. */
const PIVOT = 1e-9;
/** Pivots after which the tableau is computed anew. */
const REFRESH = 50;
/** A guard against cycling that Bland's rule should make needless; callers check what they get. */
const MOST_PIVOTS = 50_000;

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
  /** The constraint rows before any pivot. */
  readonly original: Float64Array;
  /** Cost of every column but the last. */
  readonly prices: Float64Array;
}

/** Computes the tableau anew from its basis and the original rows, which takes away what pivots have added in rounding. */
function refresh(t: Tableau): void {
  const { rows, width, data, basis, original, prices } = t;
  const b = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < rows; j++) b[i * rows + j] = original[i * width + basis[j]!]!;
  const work = Float64Array.from(original);
  for (let c = 0; c < rows; c++) {
    let best = c;
    for (let r = c + 1; r < rows; r++)
      if (Math.abs(b[r * rows + c]!) > Math.abs(b[best * rows + c]!)) best = r;
    if (Math.abs(b[best * rows + c]!) < 1e-14) return;
    if (best !== c) {
      for (let j = 0; j < rows; j++)
        [b[c * rows + j], b[best * rows + j]] = [b[best * rows + j]!, b[c * rows + j]!];
      for (let j = 0; j < width; j++)
        [work[c * width + j], work[best * width + j]] = [
          work[best * width + j]!,
          work[c * width + j]!,
        ];
    }
    const scale = 1 / b[c * rows + c]!;
    for (let j = c; j < rows; j++) b[c * rows + j]! *= scale;
    for (let j = 0; j < width; j++) work[c * width + j]! *= scale;
    for (let r = 0; r < rows; r++) {
      const factor = b[r * rows + c]!;
      if (r === c || factor === 0) continue;
      for (let j = c; j < rows; j++) b[r * rows + j]! -= factor * b[c * rows + j]!;
      for (let j = 0; j < width; j++) work[r * width + j]! -= factor * work[c * width + j]!;
    }
  }
  data.set(work);
  const costs = rows * width;
  for (let j = 0; j < width - 1; j++) data[costs + j] = prices[j]!;
  data[costs + width - 1] = 0;
  for (let i = 0; i < rows; i++) {
    const price = prices[basis[i]!]!;
    if (price !== 0)
      for (let j = 0; j < width; j++) data[costs + j]! -= price * data[i * width + j]!;
  }
  for (let i = 0; i < rows; i++) {
    for (let r = 0; r <= rows; r++) data[r * width + basis[i]!] = r === i ? 1 : 0;
  }
}

function pivot(
  { rows, width, data, basis }: Pick<Tableau, "rows" | "width" | "data" | "basis">,
  row: number,
  column: number,
): void {
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
  const refused = new Uint8Array(columns);
  let stalled = 0;
  let best = Infinity;
  let fresh = false;
  let age = 0;
  for (;;) {
    let enter = -1;
    let least = -ZERO;
    for (let j = 0; j < columns; j++) {
      const cost = data[costs + j]!;
      if (cost >= least || refused[j]) continue;
      enter = j;
      if (stalled > STALL) break;
      least = cost;
    }
    if (enter < 0 || age > MOST_PIVOTS) {
      if (fresh || age > MOST_PIVOTS) return true;
      refresh(t);
      refused.fill(0);
      fresh = true;
      continue;
    }
    let steepest = 1;
    for (let i = 0; i < rows; i++)
      steepest = Math.max(steepest, Math.abs(data[i * width + enter]!));
    const smallest = PIVOT * steepest;
    let ratio = Infinity;
    for (let i = 0; i < rows; i++) {
      const a = data[i * width + enter]!;
      if (a > smallest) ratio = Math.min(ratio, Math.max(0, data[i * width + width - 1]!) / a);
    }
    if (ratio === Infinity) {
      // A column without a usable pivot: without bound if it is plainly so, else left alone.
      if (fresh && data[costs + enter]! < -1e-9) return false;
      if (fresh) refused[enter] = 1;
      else {
        refresh(t);
        fresh = true;
      }
      continue;
    }
    // Rows that tie: the largest pivot is the most accurate one; Bland's rule takes the smallest index among those that are not much smaller.
    let leave = -1;
    let largest = 0;
    const limit = ratio + 1e-11 * (1 + ratio);
    for (let i = 0; i < rows; i++) {
      const a = data[i * width + enter]!;
      if (a > smallest && Math.max(0, data[i * width + width - 1]!) / a <= limit)
        largest = Math.max(largest, a);
    }
    for (let i = 0; i < rows; i++) {
      const a = data[i * width + enter]!;
      if (!(a > smallest) || Math.max(0, data[i * width + width - 1]!) / a > limit) continue;
      if (
        stalled > STALL
          ? a >= 1e-4 * largest && (leave < 0 || basis[i]! < basis[leave]!)
          : a === largest
      )
        leave = i;
    }
    pivot(t, leave, enter);
    fresh = false;
    if (++age % REFRESH === 0) refresh(t);
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
  const t: Tableau = {
    rows,
    width,
    data,
    basis,
    original: data.slice(0, rows * width),
    prices: new Float64Array(width - 1).fill(1, structural),
  };
  const costs = rows * width;
  // Phase one: drive the artificial variables out.
  refresh(t);
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
    for (let j = 0; j < structural && column < 0; j++)
      if (Math.abs(data[i * width + j]!) > 1e-9) column = j;
    if (column >= 0) pivot(t, i, column);
  }
  // Phase two: the true costs.
  t.prices.fill(0);
  t.prices.set(cost);
  refresh(t);
  if (!minimise(t, structural)) return none("unbounded");
  const x = new Float64Array(n);
  for (let i = 0; i < rows; i++)
    if (basis[i]! < n) x[basis[i]!] = Math.max(0, data[i * width + width - 1]!);
  const multipliers = Float64Array.from(
    { length: rows },
    (_, i) => -data[costs + structural + i]! * signs[i]! * scales[i]! + 0,
  );
  return {
    status: "optimal",
    x,
    value: cost.reduce((sum, c, j) => sum + c * x[j]!, 0),
    multipliers,
  };
}
