/**
 * Real Schur form of a Hessenberg matrix by Francis' implicit double-shift QR.
 * Francis (1961), "The QR transformation"; Golub, Van Loan (2013), "Matrix Computations", 7.5.
 */
import { splitBlock } from "./block.js";

/** Sweeps that one eigenvalue may take. */
const MAX_SWEEPS = 60;
/** After so many sweeps without success, and again after as many, the shift is one that no symmetry of the matrix favours. */
const EXCEPTION = 10;

/**
 * Turns `h` into its Schur form, upper triangular with blocks of side 2 for pairs of complex eigenvalues, and `z` along, so that `Z H Zᵀ` stays.
 * False when an eigenvalue does not settle.
 */
export function schur(h: Float64Array, z: Float64Array, n: number): boolean {
  const norm = h.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  let hi = n - 1;
  let sweeps = 0;
  while (hi > 0) {
    const lo = splitAt(h, n, hi, norm);
    if (lo >= hi - 1) {
      if (lo === hi - 1) splitBlock(h, z, n, lo);
      hi = lo - 1;
      sweeps = 0;
      continue;
    }
    if (++sweeps > MAX_SWEEPS) return false;
    sweep(h, z, n, lo, hi, shifts(h, n, lo, hi, sweeps));
  }
  return true;
}

/** The start of the block that ends at `hi`; the subdiagonal entry before it is negligible and set to zero. */
function splitAt(h: Float64Array, n: number, hi: number, norm: number): number {
  for (let k = hi; k > 0; k--) {
    const below = Math.abs(h[k * n + k - 1]!);
    const beside = Math.abs(h[(k - 1) * n + k - 1]!) + Math.abs(h[k * n + k]!);
    if (below > Number.EPSILON * (beside === 0 ? norm : beside)) continue;
    if (!negligible(h, n, k)) continue;
    h[k * n + k - 1] = 0;
    return k;
  }
  return 0;
}

/** The rule of Ahues and Tisseur (1997): the product of the two off-diagonal entries is small beside what it would change. */
function negligible(h: Float64Array, n: number, k: number): boolean {
  const [p, q] = [Math.abs(h[k * n + k - 1]!), Math.abs(h[(k - 1) * n + k]!)];
  const d = Math.abs(h[k * n + k]!);
  const gap = Math.abs(h[(k - 1) * n + k - 1]! - h[k * n + k]!);
  const most = Math.max(d, gap);
  const least = Math.min(d, gap);
  const total = most + Math.max(p, q);
  if (total === 0) return true;
  const product = Math.min(p, q) * (Math.max(p, q) / total);
  return product <= Math.max(2 ** -1000, Number.EPSILON * (least * (most / total)));
}

/** Sum and product of the two shifts, as the numbers x, y and w with (x − t)(y − t) = w. */
type Shifts = readonly [x: number, y: number, w: number];

function shifts(h: Float64Array, n: number, lo: number, hi: number, sweeps: number): Shifts {
  const at = (i: number, j: number): number => h[i * n + j]!;
  if (sweeps % EXCEPTION !== 0)
    return [at(hi, hi), at(hi - 1, hi - 1), at(hi, hi - 1) * at(hi - 1, hi)];
  const below = (sweeps / EXCEPTION) % 2 === 1;
  const size = below
    ? Math.abs(at(hi, hi - 1)) + Math.abs(at(hi - 1, hi - 2))
    : Math.abs(at(lo + 1, lo)) + Math.abs(at(lo + 2, lo + 1));
  const middle = at(below ? hi : lo, below ? hi : lo) + 0.75 * size;
  return [middle, middle, -0.4375 * size * size];
}

/** First column of (H − s₁)(H − s₂) from row m on, up to a factor. */
function firstColumn(h: Float64Array, n: number, m: number, [x, y, w]: Shifts): number[] {
  const at = (i: number, j: number): number => h[i * n + j]!;
  const d = at(m, m);
  const p = ((d - x) * (d - y) - w) / at(m + 1, m) + at(m, m + 1);
  const q = at(m + 1, m + 1) + d - x - y;
  const r = at(m + 2, m + 1);
  const scale = Math.abs(p) + Math.abs(q) + Math.abs(r);
  return scale === 0 ? [0, 0, 0] : [p / scale, q / scale, r / scale];
}

/** One sweep: a bulge of side 3 enters where two subdiagonal entries in a row are small, and is chased down to `hi`. */
function sweep(
  h: Float64Array,
  z: Float64Array,
  n: number,
  lo: number,
  hi: number,
  shift: Shifts,
): void {
  const size = (i: number, j: number): number => Math.abs(h[i * n + j]!);
  let m = hi - 2;
  let first = firstColumn(h, n, m, shift);
  for (; m > lo; first = firstColumn(h, n, --m, shift)) {
    const [p, q, r] = first.map(Math.abs) as [number, number, number];
    const around = size(m - 1, m - 1) + size(m, m) + size(m + 1, m + 1);
    if (size(m, m - 1) * (q + r) <= Number.EPSILON * p * around) break;
  }
  for (let k = m; k < hi; k++) {
    const width = k === hi - 1 ? 2 : 3;
    const column =
      k === m ? first : Array.from({ length: width }, (_, i) => h[(k + i) * n + k - 1]!);
    const [p = 0, q = 0, r = 0] = column;
    const top = Math.max(Math.abs(p), Math.abs(q), Math.abs(r));
    if (top === 0) continue;
    const length = top * Math.hypot(p / top, q / top, r / top);
    const alpha = p > 0 ? -length : length;
    const v: Reflection = [1 - p / alpha, q / (p - alpha), r / (p - alpha)];
    if (k > m) {
      h[k * n + k - 1] = alpha;
      for (let i = 1; i < width; i++) h[(k + i) * n + k - 1] = 0;
    } else if (m > lo) h[m * n + m - 1]! *= 1 - v[0];
    reflect(h, z, n, k, width, Math.min(hi, k + 3), v);
  }
}

/** β and the second and third entry of v, of which the first is 1. */
type Reflection = readonly [beta: number, second: number, third: number];

/** `I − β v vᵀ` from both sides, on rows and columns `k …`, and on the columns of `z`. */
function reflect(
  h: Float64Array,
  z: Float64Array,
  n: number,
  k: number,
  width: number,
  last: number,
  [beta, v1, v2]: Reflection,
): void {
  const wide = width === 3;
  const [r0, r1, r2] = [k * n, (k + 1) * n, (k + 2) * n];
  for (let j = k; j < n; j++) {
    const t = beta * (h[r0 + j]! + v1 * h[r1 + j]! + (wide ? v2 * h[r2 + j]! : 0));
    h[r0 + j]! -= t;
    h[r1 + j]! -= t * v1;
    if (wide) h[r2 + j]! -= t * v2;
  }
  const columns = (a: Float64Array, rows: number): void => {
    for (let i = 0, at = k; i < rows; i++, at += n) {
      const t = beta * (a[at]! + v1 * a[at + 1]! + (wide ? v2 * a[at + 2]! : 0));
      a[at]! -= t;
      a[at + 1]! -= t * v1;
      if (wide) a[at + 2]! -= t * v2;
    }
  };
  columns(h, last + 1);
  columns(z, n);
}
