/** Eigenvectors of a real Schur form, by back substitution in complex numbers. Golub, Van Loan (2013), "Matrix Computations", 7.6. */

/** Components beyond this are scaled back, so that none overflows. */
const LARGE = 2 ** 300;

/** A complex vector. */
export interface Vector {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** Where an eigenvalue stands on the diagonal. */
export interface Eigenvalue {
  readonly re: number;
  /** Positive for the first of a pair; the second is its conjugate. */
  readonly im: number;
  /** First row of its block. */
  readonly at: number;
}

/** The eigenvalues of a Schur form, one for each real number and one for each pair. */
export function eigenvaluesOf(t: Float64Array, n: number): Eigenvalue[] {
  const found: Eigenvalue[] = [];
  for (let k = 0; k < n; k++) {
    const below = k + 1 < n ? t[(k + 1) * n + k]! : 0;
    const beside = k + 1 < n ? t[k * n + k + 1]! : 0;
    const im = Math.sqrt(Math.abs(below)) * Math.sqrt(Math.abs(beside));
    found.push({ re: t[k * n + k]!, im: below === 0 ? 0 : im, at: k });
    if (below !== 0) k++;
  }
  return found;
}

/** Back substitution for one eigenvalue λ after the other: `(T − λ) x = 0`. */
export function vectorOf(
  t: Float64Array,
  n: number,
  { re, im, at }: Eigenvalue,
  norm: number,
): Vector {
  const x: Vector = { re: new Float64Array(n), im: new Float64Array(n) };
  const end = start(t, n, { re, im, at }, x);
  // a divisor smaller than rounding stands for an eigenvalue that occurs again
  const least = Math.max(norm * Number.EPSILON, 2 ** -900);
  for (let row = at - 1; row >= 0; row--) {
    const [sumRe, sumIm] = rowTimes(t, n, row, at + end, x, row + 1);
    const paired = row > 0 && t[row * n + row - 1] !== 0;
    if (!paired) {
      const [p, q] = divide(-sumRe, -sumIm, ...awayFromZero(t[row * n + row]! - re, -im, least));
      x.re[row] = p;
      x.im[row] = q;
    } else {
      const [upperRe, upperIm] = rowTimes(t, n, row - 1, at + end, x, row + 1);
      solvePair(t, n, row - 1, [re, im], [-upperRe, -upperIm, -sumRe, -sumIm], least, x);
      row--;
    }
    keepInRange(x, row, at + end);
  }
  return x;
}

/** The components in the block of λ itself; returns how many they are. */
function start(t: Float64Array, n: number, { im, at }: Eigenvalue, x: Vector): number {
  if (im === 0) {
    x.re[at] = 1;
    return 1;
  }
  const [b, c] = [t[at * n + at + 1]!, t[(at + 1) * n + at]!];
  if (Math.abs(b) >= Math.abs(c)) {
    x.re[at] = 1;
    x.im[at + 1] = im / b;
  } else {
    x.im[at] = im / c;
    x.re[at + 1] = 1;
  }
  return 2;
}

/** Real and imaginary part of a row of T times x, from column `from` on. */
function rowTimes(
  t: Float64Array,
  n: number,
  row: number,
  end: number,
  x: Vector,
  from: number,
): readonly [number, number] {
  let [re, im] = [0, 0];
  for (let j = from, p = row * n + from; j < end; j++, p++) {
    re += t[p]! * x.re[j]!;
    im += t[p]! * x.im[j]!;
  }
  return [re, im];
}

type Pair = readonly [re: number, im: number];
/** Two complex coefficients and the right-hand side. */
type Equation = readonly [Pair, Pair, Pair];

/** x − f z. */
const minus = (x: Pair, f: Pair, z: Pair): Pair => [
  x[0] - (f[0] * z[0] - f[1] * z[1]),
  x[1] - (f[0] * z[1] + f[1] * z[0]),
];

const awayFromZero = (re: number, im: number, least: number): Pair =>
  Math.abs(re) + Math.abs(im) < least ? [least, 0] : [re, im];

/** (a + bi)/(c + di), by Smith's rule. */
function divide(a: number, b: number, c: number, d: number): readonly [number, number] {
  if (Math.abs(c) >= Math.abs(d)) {
    const r = d / c;
    const m = c + d * r;
    return [(a + b * r) / m, (b - a * r) / m];
  }
  const r = c / d;
  const m = c * r + d;
  return [(a * r + b) / m, (b * r - a) / m];
}

/** Two rows at once: elimination with the larger of the two entries of the first column as the pivot. */
function solvePair(
  t: Float64Array,
  n: number,
  row: number,
  [re, im]: readonly [number, number],
  right: readonly [number, number, number, number],
  least: number,
  x: Vector,
): void {
  const [a, b] = [t[row * n + row]! - re, t[row * n + row + 1]!];
  const [c, d] = [t[(row + 1) * n + row]!, t[(row + 1) * n + row + 1]! - re];
  const [r0, i0, r1, i1] = right;
  const upper: Equation = [
    [a, -im],
    [b, 0],
    [r0, i0],
  ];
  const lower: Equation = [
    [c, 0],
    [d, -im],
    [r1, i1],
  ];
  const upperFirst = Math.abs(a) + Math.abs(im) >= Math.abs(c);
  const [[p, q, u], [v, w, y]] = upperFirst ? [upper, lower] : [lower, upper];
  const pivot = awayFromZero(...p, least);
  const factor = divide(...v, ...pivot);
  const last = awayFromZero(...minus(w, factor, q), least);
  const second = divide(...minus(y, factor, u), ...last);
  const first = divide(...minus(u, q, second), ...pivot);
  [x.re[row], x.im[row]] = first;
  [x.re[row + 1], x.im[row + 1]] = second;
}

function keepInRange(x: Vector, row: number, end: number): void {
  const size = (i: number): number => Math.max(Math.abs(x.re[i]!), Math.abs(x.im[i]!));
  if (Math.max(size(row), size(row + 1)) < LARGE) return;
  for (let i = Math.max(0, row); i < end; i++) {
    x.re[i]! /= LARGE;
    x.im[i]! /= LARGE;
  }
}
