/**
 * Independence of thin tables, without an approximation: the exact conditional test of Fisher,
 * Freeman and Halton. Given its margins a table has a known probability under independence; the
 * p-value is the probability of all tables at most as probable as the one that was seen.
 */
import type { RngKey } from "@provably/core-tensor/random";
import { logFactorial, streamOf, tableOfMargins } from "./draws.js";
import type { Cells } from "./table.js";

/** Tables that are looked at one by one; beyond, tables are drawn. */
const MOST_TABLES = 200_000;
/** Probabilities that differ by less, relatively, are equal. */
const TIE = 1e-7;
/** Replicates after which a p-value that is clearly high is settled, and how many are above then. */
const [FIRST, ENOUGH] = [500, 50];

/** A p-value with the way it was found. */
export interface ConditionalTest {
  readonly pValue: number;
  readonly logPValue: number;
  /** Counted over all tables, bounded by their number, or estimated from tables drawn. */
  readonly by: "enumeration" | "bound" | "sampling";
}

/**
 * The test on whole counts. Where the tables are too many, `numReplicates` of them are drawn, and
 * p = (1 + number at most as probable) / (1 + replicates): as valid as the exact value, with a floor.
 * Below the floor, the number of tables times the probability of the one that was seen is a bound.
 */
export function fisherTest(
  table: Cells,
  key: RngKey,
  { numReplicates }: { readonly numReplicates: number },
): ConditionalTest {
  const { rows, columns, data } = sorted(table);
  const n = rows.reduce((a, b) => a + b, 0);
  const sum = (counts: readonly number[]): number =>
    counts.reduce((total, x) => total + logFactorial(x), 0);
  const front = sum(rows) + sum(columns) - logFactorial(n);
  let seen = front;
  for (const x of data) seen -= logFactorial(x);
  const logTables = logNumberAtMost(rows, columns);
  if (logTables < Math.log(MOST_TABLES) + 7) {
    const p = enumerate(rows, columns, front, seen);
    if (p !== undefined)
      return { pValue: Math.min(1, p), logPValue: Math.min(0, Math.log(p)), by: "enumeration" };
  }
  const bound = Math.min(0, logTables + seen);
  if (bound < -30) return { pValue: Math.exp(bound), logPValue: bound, by: "bound" };
  const next = streamOf(key);
  const drawn = new Float64Array(data.length);
  let above = 0;
  let b = 0;
  while (b < numReplicates && !(b === FIRST && above >= ENOUGH)) {
    tableOfMargins(next, rows, columns, drawn);
    let logP = front;
    for (const x of drawn) logP -= logFactorial(x);
    if (logP <= seen + TIE) above++;
    b++;
  }
  const logPValue = Math.min(Math.log((1 + above) / (1 + b)), above === 0 ? bound : 0);
  return { pValue: Math.exp(logPValue), logPValue, by: "sampling" };
}

/** Rows and columns by their sums, the greatest last: what is left for them is then determined soonest. */
function sorted({ p, q, data }: Cells): {
  rows: number[];
  columns: number[];
  data: Float64Array;
} {
  const rowSum = (i: number): number => data.subarray(i * q, i * q + q).reduce((a, b) => a + b, 0);
  const columnSum = (j: number): number =>
    Array.from({ length: p }, (_, i) => data[i * q + j]!).reduce((a, b) => a + b, 0);
  const order = (size: number, sum: (i: number) => number): number[] =>
    Array.from({ length: size }, (_, i) => i).sort((x, y) => sum(x) - sum(y));
  const [i, j] = [order(p, rowSum), order(q, columnSum)];
  return {
    rows: i.map(rowSum),
    columns: j.map(columnSum),
    data: Float64Array.from(
      { length: p * q },
      (_, c) => data[i[Math.floor(c / q)]! * q + j[c % q]!]!,
    ),
  };
}

/** Logarithm of a number that the tables with these margins do not exceed: every cell but those of the last row and column is free. */
function logNumberAtMost(rows: readonly number[], columns: readonly number[]): number {
  let log = 0;
  for (const a of rows.slice(0, -1))
    for (const b of columns.slice(0, -1)) log += Math.log1p(Math.min(a, b));
  return log;
}

/** Sum of the probabilities of all tables at most as probable as `seen`; undefined where they are too many. */
function enumerate(
  rows: readonly number[],
  columns: readonly number[],
  front: number,
  seen: number,
): number | undefined {
  const [p, q] = [rows.length, columns.length];
  const left = [...columns];
  let [total, tables] = [0, 0];
  /** All ways to fill row i from column j on with `want` counts; false when the tables are too many. */
  const fill = (i: number, j: number, want: number, after: number, logP: number): boolean => {
    if (i === p - 1) {
      let log = logP;
      for (let c = 0; c < q; c++) log -= logFactorial(left[c]!);
      if (log <= seen + TIE) total += Math.exp(log);
      return ++tables <= MOST_TABLES;
    }
    if (j === q - 1) {
      left[j]! -= want;
      const rest = left.reduce((a, b) => a + b, 0);
      const fine = fill(i + 1, 0, rows[i + 1]!, rest, logP - logFactorial(want));
      left[j]! += want;
      return fine;
    }
    const open = after - left[j]!; // what the columns after j still take
    for (let x = Math.max(0, want - open); x <= Math.min(want, left[j]!); x++) {
      left[j]! -= x;
      const fine = fill(i, j + 1, want - x, open, logP - logFactorial(x));
      left[j]! += x;
      if (!fine) return false;
    }
    return true;
  };
  const n = columns.reduce((a, b) => a + b, 0);
  return fill(0, 0, rows[0]!, n, front) ? total : undefined;
}
