/** The discrete Fourier transform of one line of any length, in double precision. */
import { type Factors, stage2, stage3, stage4, stage5, stageAny } from "./stages.js";

interface Plan extends Factors {
  readonly chirp?: Chirp;
}

/** Bluestein's form of a length with a large prime factor: a convolution of a length that is a power of two. */
interface Chirp {
  readonly inner: Plan;
  readonly re: Float64Array;
  readonly im: Float64Array;
  /** Transform of the conjugate chirp, wrapped round. */
  readonly kernelRe: Float64Array;
  readonly kernelIm: Float64Array;
}

/** Up to this prime a stage sums directly. */
const LARGEST_RADIX = 13;
/** Plans that are kept, and the length up to which they are. */
const KEPT = 16;
const LONGEST_KEPT = 2 ** 21;
const plans = new Map<number, Plan>();

function planOf(n: number): Plan {
  const kept = plans.get(n);
  if (kept !== undefined) return kept;
  const plan = newPlan(n);
  if (n <= LONGEST_KEPT) {
    // the oldest goes
    if (plans.size >= KEPT) plans.delete(plans.keys().next().value!);
    plans.set(n, plan);
  }
  return plan;
}

function newPlan(n: number): Plan {
  const radices: number[] = [];
  let rest = n;
  for (const radix of [4, 2, 3, 5, 7, 11, LARGEST_RADIX])
    while (rest % radix === 0) {
      radices.push(radix);
      rest /= radix;
    }
  if (rest > 1)
    return { n, radices: [], cos: new Float64Array(), sin: new Float64Array(), chirp: newChirp(n) };
  const cos = new Float64Array(n);
  const sin = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    cos[k] = Math.cos((2 * Math.PI * k) / n);
    sin[k] = -Math.sin((2 * Math.PI * k) / n);
  }
  return { n, radices, cos, sin };
}

function newChirp(n: number): Chirp {
  let size = 1;
  while (size < 2 * n - 1) size *= 2;
  const inner = planOf(size);
  const [re, im] = [new Float64Array(n), new Float64Array(n)];
  const [kernelRe, kernelIm] = [new Float64Array(size), new Float64Array(size)];
  for (let k = 0; k < n; k++) {
    // k² modulo 2n in whole numbers, so that the angle stays small and exact
    const angle = (Math.PI * ((k * k) % (2 * n))) / n;
    re[k] = Math.cos(angle);
    im[k] = -Math.sin(angle);
    const mirrored = k === 0 ? 0 : size - k;
    kernelRe[k] = kernelRe[mirrored] = re[k]!;
    kernelIm[k] = kernelIm[mirrored] = -im[k]!;
  }
  run(inner, kernelRe, kernelIm, new Float64Array(size), new Float64Array(size));
  return { inner, re, im, kernelRe, kernelIm };
}

/** A transform of lines of one length, with its own storage to work in. */
export interface LineTransform {
  /** The line: filled by the caller, transformed in place by `run`. */
  readonly re: Float64Array;
  readonly im: Float64Array;
  /** Replaces the line by $\sum_j x_j e^{∓2πijk/n}$. */
  run(inverse: boolean): void;
}

/** The transform of lines of length n. $O(n \log n)$ for every n. */
export function lineTransform(n: number): LineTransform {
  const plan = planOf(n);
  const [re, im] = [new Float64Array(n), new Float64Array(n)];
  const size = plan.chirp?.inner.n ?? n;
  const [workRe, workIm] = [new Float64Array(size), new Float64Array(size)];
  const pads =
    plan.chirp === undefined
      ? undefined
      : ([new Float64Array(size), new Float64Array(size)] as const);
  return {
    re,
    im,
    run(inverse) {
      // the inverse is the transform with real and imaginary parts exchanged, before and after
      const [a, b] = inverse ? [im, re] : [re, im];
      if (pads === undefined) run(plan, a, b, workRe, workIm);
      else bluestein(plan.chirp!, a, b, pads, workRe, workIm);
    },
  };
}

/** By Bluestein: $jk = (j^2 + k^2 - (k - j)^2)/2$ makes the transform a convolution with a chirp. */
function bluestein(
  { inner, re, im, kernelRe, kernelIm }: Chirp,
  a: Float64Array,
  b: Float64Array,
  [padRe, padIm]: readonly [Float64Array, Float64Array],
  workRe: Float64Array,
  workIm: Float64Array,
): void {
  const n = re.length;
  const size = inner.n;
  for (let k = 0; k < n; k++) {
    padRe[k] = a[k]! * re[k]! - b[k]! * im[k]!;
    padIm[k] = a[k]! * im[k]! + b[k]! * re[k]!;
  }
  padRe.fill(0, n);
  padIm.fill(0, n);
  run(inner, padRe, padIm, workRe, workIm);
  for (let k = 0; k < size; k++) {
    const [x, y] = [padRe[k]!, padIm[k]!];
    padRe[k] = x * kernelRe[k]! - y * kernelIm[k]!;
    padIm[k] = x * kernelIm[k]! + y * kernelRe[k]!;
  }
  run(inner, padIm, padRe, workRe, workIm);
  for (let k = 0; k < n; k++) {
    const [x, y] = [padRe[k]! / size, padIm[k]! / size];
    a[k] = x * re[k]! - y * im[k]!;
    b[k] = x * im[k]! + y * re[k]!;
  }
}

/** Stockham's form: every stage reads from one pair of arrays and writes to the other, in an order that sorts itself. */
function run(
  plan: Plan,
  re: Float64Array,
  im: Float64Array,
  workRe: Float64Array,
  workIm: Float64Array,
): void {
  let [xr, xi, yr, yi] = [re, im, workRe, workIm];
  let s = 1;
  for (const radix of plan.radices) {
    const m = plan.n / s / radix;
    if (radix === 4) stage4(plan, xr, xi, yr, yi, m, s);
    else if (radix === 2) stage2(plan, xr, xi, yr, yi, m, s);
    else if (radix === 3) stage3(plan, xr, xi, yr, yi, m, s);
    else if (radix === 5) stage5(plan, xr, xi, yr, yi, m, s);
    else stageAny(plan, radix, xr, xi, yr, yi, m, s);
    [xr, xi, yr, yi] = [yr, yi, xr, xi];
    s *= radix;
  }
  if (xr !== re) {
    re.set(xr);
    im.set(xi);
  }
}
