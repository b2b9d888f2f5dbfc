/** Sorting rows of a contiguous matrix; NaN goes last, equal elements keep their order. */
import type { TypedArray } from "../../array/dtype.js";

/** Short rows are sorted by insertion, which beats a general sort on them. */
const SHORT = 32;

/** The order that sorts each row, as column numbers. */
export function argsortRows(
  x: TypedArray,
  rows: number,
  cols: number,
  { descending, nansFirst = false }: { readonly descending: boolean; readonly nansFirst?: boolean },
  out: Int32Array,
): void {
  const order = new Int32Array(cols);
  for (let r = 0, at = 0; r < rows; r++, at += cols) {
    for (let j = 0; j < cols; j++) order[j] = j;
    const comesAfter = (i: number, j: number): number => {
      const [a, b] = [x[at + i]!, x[at + j]!];
      if (a !== a || b !== b)
        return (nansFirst ? -1 : 1) * (Number(a !== a) - Number(b !== b)) || i - j;
      return (
        (descending ? b - a : a - b) ||
        (a === b
          ? i - j
          : descending
            ? Number(b > a) - Number(b < a)
            : Number(a > b) - Number(a < b))
      );
    };
    if (cols <= SHORT) insertionSort(order, comesAfter);
    else order.sort(comesAfter);
    out.set(order, at);
  }
}

function insertionSort(order: Int32Array, comesAfter: (i: number, j: number) => number): void {
  for (let i = 1; i < order.length; i++) {
    const v = order[i]!;
    let j = i - 1;
    for (; j >= 0 && comesAfter(order[j]!, v) > 0; j--) order[j + 1] = order[j]!;
    order[j + 1] = v;
  }
}

/** Each row in order. */
export function sortRows(
  x: TypedArray,
  rows: number,
  cols: number,
  descending: boolean,
  out: TypedArray,
): void {
  out.set(x);
  for (let r = 0; r < rows; r++) {
    const row = out.subarray(r * cols, (r + 1) * cols);
    row.sort(); // numeric on typed arrays, NaN last
    if (descending) {
      row.reverse();
      let nans = 0;
      while (nans < cols && row[nans] !== row[nans]) nans++;
      if (nans > 0) {
        row.copyWithin(0, nans);
        row.fill(NaN, cols - nans);
      }
    }
  }
}

/** For each value the number of sorted entries before it: those below it, or, from the right, those not above it. */
export function searchRow(
  sorted: TypedArray,
  from: number,
  n: number,
  value: number,
  right: boolean,
): number {
  let [low, high] = [0, n];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const v = sorted[from + middle]!;
    const before =
      value !== value ? right || v === v : v !== v ? false : right ? v <= value : v < value;
    if (before) low = middle + 1;
    else high = middle;
  }
  return low;
}
