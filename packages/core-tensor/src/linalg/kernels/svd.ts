/**
 * Singular value decomposition of a tall matrix: Householder reduction to bidiagonal form, then implicit-shift QR.
 * Row-major float64. Singular vectors are kept as rows, so that every rotation works on two contiguous rows.
 * Golub, Van Loan (2013), "Matrix Computations", 8.6.
 */
import type { Orthogonal } from "../../exec/wasm/index.js";
import { reflector } from "./householder.js";
import { orthogonal } from "./orthogonal.js";
import { powerOfTwoNear } from "./scale.js";

export interface SvdFactors {
  /** Descending, n of them. */
  readonly values: Float64Array;
  /** Left singular vectors as rows, n × m. */
  readonly left: Float64Array;
  /** Right singular vectors as rows, n × n. */
  readonly right: Float64Array;
}

/** Decomposition of an m × n matrix, m ≥ n; undefined when the iteration does not converge. */
export function svdFactor(a: Float64Array, m: number, n: number): SvdFactors | undefined {
  const scale = powerOfTwoNear(a);
  const kernels = orthogonal(2 * m * n + n * n, m);
  const { d, e, left, right } = bidiagonalize(a, scale, m, n, kernels);
  if (!implicitQr(d, e, left, m, right, n, kernels)) return undefined;
  for (let k = 0; k < n; k++) {
    if (!(d[k]! < 0)) continue;
    d[k] = -d[k]!;
    for (let j = k * n; j < k * n + n; j++) right[j] = -right[j]!;
  }
  const order = Array.from(d.keys()).sort((i, j) => d[j]! - d[i]!);
  const pick = (x: Float64Array, width: number): Float64Array => {
    const out = new Float64Array(n * width);
    order.forEach((from, to) =>
      out.set(x.subarray(from * width, from * width + width), to * width),
    );
    return out;
  };
  return {
    values: Float64Array.from(order, (i) => d[i]! * scale),
    left: pick(left, m),
    right: pick(right, n),
  };
}

/** `A / scale = Lᵀ B R` with B upper bidiagonal (`d`, `e`), L n × m, R n × n, rows orthonormal. */
function bidiagonalize(
  a: Float64Array,
  scale: number,
  m: number,
  n: number,
  kernels: Orthogonal,
): { d: Float64Array; e: Float64Array; left: Float64Array; right: Float64Array } {
  const w = kernels.zeros(m * n);
  for (let i = 0; i < w.length; i++) w[i] = a[i]! / scale;
  const [d, e] = [new Float64Array(n), new Float64Array(n)];
  const [us, vs]: [Float64Array, number][][] = [[], []];
  for (let k = 0; k < n; k++) {
    const u = Float64Array.from({ length: m - k }, (_, i) => w[(k + i) * n + k]!);
    const column = reflector(u, 0, 1, m - k);
    d[k] = column.alpha;
    if (column.beta !== 0) kernels.reflectRows(w, n, k, k + 1, n, u, column.beta);
    us!.push([u, column.beta]);
    if (k + 1 >= n) break;
    const v = w.slice(k * n + k + 1, k * n + n);
    const row = reflector(v, 0, 1, v.length);
    e[k] = row.alpha;
    if (row.beta !== 0) kernels.reflectColumns(w, n, k + 1, m, k + 1, v, row.beta);
    vs!.push([v, row.beta]);
  }
  const left = kernels.zeros(n * m);
  for (let i = 0; i < n; i++) left[i * m + i] = 1;
  for (let k = n - 1; k >= 0; k--) {
    const [u, beta] = us![k]!;
    if (beta !== 0) kernels.reflectColumns(left, m, k, n, k, u, beta);
  }
  const right = kernels.zeros(n * n);
  for (let i = 0; i < n; i++) right[i * n + i] = 1;
  for (let k = n - 2; k >= 0; k--) {
    const [v, beta] = vs![k]!;
    if (beta !== 0) kernels.reflectColumns(right, n, k + 1, n, k + 1, v, beta);
  }
  return { d, e, left, right };
}

const MAX_SWEEPS = 60;

/** Diagonalises B in place, turning the rows of `left` and `right` along; false when a value does not settle. */
function implicitQr(
  d: Float64Array,
  e: Float64Array,
  left: Float64Array,
  m: number,
  right: Float64Array,
  n: number,
  kernels: Orthogonal,
): boolean {
  const rotations = {
    cu: new Float64Array(n),
    su: new Float64Array(n),
    cv: new Float64Array(n),
    sv: new Float64Array(n),
  };
  let norm = 0;
  for (let i = 0; i < n; i++) norm = Math.max(norm, Math.abs(d[i]!) + Math.abs(e[i]!));
  if (!Number.isFinite(norm)) return false;
  const tiny = Number.EPSILON * norm;
  let end = n - 1;
  for (let sweeps = 0; end > 0;) {
    for (let i = 0; i < end; i++)
      if (
        Math.abs(e[i]!) <= Number.EPSILON * (Math.abs(d[i]!) + Math.abs(d[i + 1]!)) ||
        Math.abs(e[i]!) <= tiny * Number.EPSILON
      )
        e[i] = 0;
    if (e[end - 1] === 0) {
      end--;
      sweeps = 0;
      continue;
    }
    if (++sweeps > MAX_SWEEPS) return false;
    let start = end - 1;
    while (start > 0 && e[start - 1] !== 0) start--;
    const zero = firstZero(d, start, end, tiny * Number.EPSILON);
    if (zero >= 0) clearRow(d, e, zero, end, left, m);
    else {
      qrSweep(d, e, start, end, rotations);
      kernels.rotate(right, n, start, end, rotations.cv, rotations.sv, true);
      kernels.rotate(left, m, start, end, rotations.cu, rotations.su, true);
    }
  }
  return d.every(Number.isFinite);
}

/** First vanishing diagonal entry of a block that still has its superdiagonal, or −1; the last entry takes care of itself. */
function firstZero(d: Float64Array, start: number, end: number, tiny: number): number {
  for (let i = start; i < end; i++) if (Math.abs(d[i]!) <= tiny) return i;
  return -1;
}

/** With d[k] = 0, rotates e[k] out of row k against the rows below it, so that the block splits. */
function clearRow(
  d: Float64Array,
  e: Float64Array,
  k: number,
  end: number,
  left: Float64Array,
  m: number,
): void {
  d[k] = 0;
  let f = e[k]!;
  e[k] = 0;
  for (let j = k + 1; j <= end && f !== 0; j++) {
    const g = d[j]!;
    const r = Math.sqrt(f * f + g * g);
    const [c, s] = [g / r, f / r];
    d[j] = r;
    if (j < end) {
      f = -s * e[j]!;
      e[j] = c * e[j]!;
    }
    for (let p = k * m, q = j * m, i = 0; i < m; i++, p++, q++) {
      const [x, y] = [left[p]!, left[q]!];
      left[p] = c * x - s * y;
      left[q] = s * x + c * y;
    }
  }
}

interface Rotations {
  readonly cu: Float64Array;
  readonly su: Float64Array;
  readonly cv: Float64Array;
  readonly sv: Float64Array;
}

/** One Golub-Kahan sweep over the block `start … end`; leaves the rotations of neighbouring rows in `rotations`. */
function qrSweep(
  d: Float64Array,
  e: Float64Array,
  start: number,
  end: number,
  { cu, su, cv, sv }: Rotations,
): void {
  // shift: the eigenvalue of the trailing 2 × 2 block of BᵀB nearer to its corner
  const [dn, dm, em] = [d[end]!, d[end - 1]!, e[end - 1]!];
  const el = end - 1 > start ? e[end - 2]! : 0;
  const [t11, t12, t22] = [dm * dm + el * el, dm * em, dn * dn + em * em];
  const half = (t11 - t22) / 2;
  const root = Math.sqrt(half * half + t12 * t12);
  const shift = t12 === 0 ? t22 : t22 - (t12 * t12) / (half + (half >= 0 ? root : -root));
  const first = d[start]!;
  let y = first - shift / first;
  let z = e[start]!;
  for (let k = start; k < end; k++) {
    let r = Math.sqrt(y * y + z * z);
    let c = r === 0 ? 1 : y / r;
    let s = r === 0 ? 0 : z / r;
    cv[k] = c;
    sv[k] = s;
    if (k > start) e[k - 1] = r;
    y = c * d[k]! + s * e[k]!;
    e[k] = c * e[k]! - s * d[k]!;
    z = s * d[k + 1]!;
    d[k + 1] = c * d[k + 1]!;
    r = Math.sqrt(y * y + z * z);
    c = r === 0 ? 1 : y / r;
    s = r === 0 ? 0 : z / r;
    cu[k] = c;
    su[k] = s;
    d[k] = r;
    y = c * e[k]! + s * d[k + 1]!;
    d[k + 1] = c * d[k + 1]! - s * e[k]!;
    e[k] = y;
    if (k < end - 1) {
      z = s * e[k + 1]!;
      e[k + 1] = c * e[k + 1]!;
    }
  }
}
