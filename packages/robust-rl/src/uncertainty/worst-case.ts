/** Worst-case and best-case expectations over an uncertainty set. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { show, flatNumbers } from "@provably/core-tensor/internal";
import { checkRows } from "../internal/distributions.js";
import { float64, largest, placeOf } from "../internal/read.js";
import { isDistribution } from "./bounds.js";
import { type Nature, sortValues } from "./mass.js";
import { type UncertaintySet, checkSet } from "./set.js";

/** The radius of every row: a function of the row's number. */
export function radiusOf(
  fn: string,
  { radius }: UncertaintySet,
  rows: number,
): (row: number) => number {
  if (typeof radius === "number") return () => radius;
  const radii = flatNumbers(radius);
  if (radii.length !== rows)
    throw new ShapeError(
      `${fn}: the set has ${radii.length} radii (shape [${radius.shape.join(", ")}]), the kernel has ${rows} rows`,
    );
  return (row) => radii[row]!;
}

export function checkValues(fn: string, v: Float64Array, name = "v"): void {
  v.forEach((x, i) => {
    if (!Number.isFinite(x))
      throw new DomainError(`${fn}: ${name}[${i}] must be finite, got ${show(x)}`);
  });
}

/**
 * A worst-case (or best-case) expectation and the distribution that attains it.
 * @category Uncertainty
 */
export interface WorstCaseExpectation {
  /** $\inf_{q \in \mathcal U(p)} q \cdot v$. */
  readonly value: number;
  /** A minimiser $q$, float64 [states]. With ties there are others. */
  readonly kernel: NdArray<"float64">;
  /**
   * The dual variable: the clipping level $\alpha$ (total variation, bounds: the value at which filling stops), $\beta$ of Kullback-Leibler, the
   * threshold of chi-square, the price $\lambda$ of Wasserstein and weighted L1, the step $t$ of L2, the rate of contamination.
   */
  readonly dual: number;
}

/**
 * The expectation of `v` under the worst distribution in a set around `p`, $\inf_{q \in \mathcal U(p)} \sum_s q_s v_s$, exactly.
 *
 * O(S log S), except Wasserstein, O(S²) a step for a handful of steps.
 *
 * @param p - nominal distribution, [states], sums to 1 within 1e-8
 * @param v - values, [states], finite
 * @param set - which set, such as `totalVariation(0.1)`
 * @returns value, worst distribution and dual variable
 * @throws `ShapeError` when `p`, `v` and the set differ in size
 * @throws `DomainError` when `p` is not a distribution or `v` not finite; the message names the entry
 * @example
 * ```ts
 * import { totalVariation, worstCaseExpectation } from "@provably/robust-rl";
 *
 * const { value, kernel, dual } = worstCaseExpectation([0.25, 0.25, 0.5], [0, 1, 2], totalVariation(0.25));
 * value; // => 0.75
 * kernel; // => [0.5, 0.25, 0.25]
 * dual; // => 2
 * ```
 * @see Iyengar (2005), "Robust dynamic programming"; Shi, Mazumdar, Chi, Wierman (2024) for the dual of total variation
 * @category Uncertainty
 */
export function worstCaseExpectation(
  p: ArrayInput,
  v: ArrayInput,
  set: UncertaintySet,
): WorstCaseExpectation {
  return expectation("worstCaseExpectation", p, v, set, 1);
}

/**
 * The expectation of `v` under the best distribution in a set around `p`, $\sup_{q \in \mathcal U(p)} \sum_s q_s v_s$, exactly.
 *
 * @param p - nominal distribution, [states]
 * @param v - values, [states], finite
 * @param set - which set
 * @returns value, best distribution and the dual variable of the worst case of −v
 * @throws `ShapeError`, `DomainError` as {@link worstCaseExpectation}
 * @example
 * ```ts
 * import { bestCaseExpectation, totalVariation } from "@provably/robust-rl";
 *
 * bestCaseExpectation([0.5, 0.5], [0, 1], totalVariation(0.25)).value; // => 0.75
 * ```
 * @category Uncertainty
 */
export function bestCaseExpectation(
  p: ArrayInput,
  v: ArrayInput,
  set: UncertaintySet,
): WorstCaseExpectation {
  return expectation("bestCaseExpectation", p, v, set, -1);
}

function expectation(
  fn: string,
  p: ArrayInput,
  v: ArrayInput,
  set: UncertaintySet,
  sign: 1 | -1,
): WorstCaseExpectation {
  const nominal = float64(fn, "p", p);
  if (nominal.shape.length !== 1)
    throw new ShapeError(`${fn}: p must be a vector, got shape [${nominal.shape.join(", ")}]`);
  const { values, kernels, duals } = batch(fn, nominal, v, set, sign);
  return { value: values[0]!, kernel: array(kernels, { dtype: "float64" }), dual: duals[0]! };
}

function batch(fn: string, p: NdArray, v: ArrayInput, set: UncertaintySet, sign: 1 | -1) {
  const target = float64(fn, "v", v);
  const n = p.shape[p.shape.length - 1] ?? 0;
  if (n === 0 || target.shape.length !== 1 || target.shape[0] !== n)
    throw new ShapeError(
      `${fn}: v must be a vector as long as the last axis of p, got shapes [${target.shape.join(", ")}] and [${p.shape.join(", ")}]`,
    );
  const nominal = flatNumbers(p);
  const leading = p.shape.slice(0, -1);
  const rows = nominal.length / n;
  checkRows(fn, "p", nominal, n, leading);
  checkValues(fn, flatNumbers(target));
  checkSet(fn, set, n, rows);
  const radius = radiusOf(fn, set, rows);
  const worst = set.worstCase(sortValues(flatNumbers(target).map((x) => sign * x)));
  const values = new Float64Array(rows);
  const duals = new Float64Array(rows);
  const nature = { kernel: new Float64Array(nominal.length), at: 0, dual: 0 };
  for (let row = 0; row < rows; row++) {
    nature.at = row * n;
    values[row] = sign * worst(nominal, row * n, radius(row), nature, row) + 0;
    duals[row] = nature.dual;
    if (!set.bounds)
      checkOwn(
        fn,
        set,
        nominal.subarray(row * n, (row + 1) * n),
        nature,
        flatNumbers(target),
        values[row]!,
      );
  }
  return { values, kernels: nature.kernel, duals };
}

/** Refuses a set of the user's whose kernel is no distribution that it may take, or is not worth what the set says. */
function checkOwn(
  fn: string,
  { kind, leavesSupport }: UncertaintySet,
  p: Float64Array,
  { kernel, at }: Nature,
  v: Float64Array,
  value: unknown,
): void {
  const q = kernel.subarray(at, at + p.length);
  if (!isDistribution(q, leavesSupport ? undefined : p))
    throw new DomainError(
      `${fn}: set: worstCase of "${kind}" must write a distribution ${leavesSupport ? "" : "on the support of p "}into nature.kernel`,
    );
  const [worth, most] = [v.reduce((sum, x, s) => sum + q[s]! * x, 0), largest(v.map(Math.abs))];
  if (!(Math.abs(Number(value) - worth) <= 1e-6 * (1 + most)))
    throw new DomainError(
      `${fn}: set: worstCase of "${kind}" must return what its kernel is worth, ${worth}, got ${show(value)}`,
    );
}

/**
 * Worst-case expectations of one `v` under every row of `p`. The values are sorted once for all rows.
 *
 * @param p - nominal distributions, [..., states]
 * @param v - values, [states]
 * @param set - which set; its radius is a number or has one entry for every row
 * @returns `values` [...] and the `kernels` [..., states] that attain them, float64
 * @throws `ShapeError`, `DomainError` as {@link worstCaseExpectation}, with the index of the row
 * @example
 * ```ts
 * import { totalVariation, worstCaseBatch } from "@provably/robust-rl";
 *
 * worstCaseBatch([[0.5, 0.5], [1, 0]], [0, 1], totalVariation(0.25)).values; // => [0.25, 0]
 * ```
 * @category Uncertainty
 */
export function worstCaseBatch(
  p: ArrayInput,
  v: ArrayInput,
  set: UncertaintySet,
): { readonly values: NdArray<"float64">; readonly kernels: NdArray<"float64"> } {
  const nominal = float64("worstCaseBatch", "p", p);
  const { values, kernels } = batch("worstCaseBatch", nominal, v, set, 1);
  return {
    values: array<"float64">(values, { shape: nominal.shape.slice(0, -1) }),
    kernels: array<"float64">(kernels, { shape: nominal.shape }),
  };
}

/**
 * Rows rescaled to sum to 1.
 *
 * @param p - numbers ≥ 0, [..., states]; no row may be all zero
 * @returns distributions, float64 of the same shape
 * @throws `DomainError` for a negative entry, NaN, or a row of zeros
 * @example
 * ```ts
 * import { normalize } from "@provably/robust-rl";
 *
 * normalize([[1, 3], [2, 2]]); // => [[0.25, 0.75], [0.5, 0.5]]
 * ```
 * @category Uncertainty
 */
export function normalize(p: ArrayInput): NdArray<"float64"> {
  const x = float64("normalize", "p", p);
  const n = x.shape[x.shape.length - 1] ?? 0;
  const data = Float64Array.from(flatNumbers(x));
  for (let at = 0; at < data.length; at += n) {
    const row = data.subarray(at, at + n);
    let sum = 0;
    row.forEach((value, s) => {
      if (!(value >= 0 && value < Infinity))
        throw new DomainError(
          `normalize: p[${[...placeOf(at / n, x.shape.slice(0, -1)), s].join(", ")}] must be finite and ≥ 0, got ${value}`,
        );
      sum += value;
    });
    if (sum === 0) throw new DomainError(`normalize: row ${at / n} of p has no mass`);
    row.forEach((value, s) => (row[s] = value / sum));
  }
  return array<"float64">(data, { shape: x.shape });
}
