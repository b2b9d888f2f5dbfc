/** Derivatives held against finite differences. */
import {
  type Schema,
  anyFunction,
  anyList,
  check,
  checkOptions,
  listOf,
  oneOf,
  positiveNumber,
} from "../check/index.js";
import { isFloat } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { DomainError } from "../errors.js";
import { add, mul } from "../ops/arithmetic.js";
import { array, asType, item } from "../ops/create.js";
import { sum } from "../ops/reduce.js";
import { jvp } from "../transform/jvp.js";
import { vjp } from "../transform/vjp.js";
import { toArray } from "../trace/input.js";
import { treeLeaves } from "../tree/tree.js";

/**
 * Options of {@link checkGrads}.
 * @category Testing
 */
export interface CheckGradsOptions {
  /** Highest order of derivative to check; default 1. */
  readonly order?: 1 | 2;
  /** Which modes; default both. */
  readonly modes?: readonly ("forward" | "reverse")[];
  /** Allowed difference, relative to 1 + the magnitude; default 1e-6 for first order, 1e-5 for second. */
  readonly tolerance?: number;
  /** Step of the central differences; default 1e-5. */
  readonly step?: number;
}

const CHECK: Schema<CheckGradsOptions> = {
  order: oneOf(1, 2),
  modes: listOf(oneOf("forward", "reverse")),
  tolerance: positiveNumber,
  step: positiveNumber,
};

/**
 * Checks the derivatives of a function against central differences, in float64, along fixed pseudo-random directions.
 *
 * Forward mode is held against $\frac{f(x + hv) - f(x - hv)}{2h}$, reverse mode against forward mode through $\langle \bar y, \partial f\, v\rangle = \langle \partial f^\top \bar y, v\rangle$.
 * For order 2 the same is done to the directional derivative itself.
 *
 * @param f - function of arrays to a tree of arrays, smooth at the point
 * @param primals - the point; converted to float64, integer arrays stay as they are
 * @param options - see {@link CheckGradsOptions}
 * @throws `DomainError` when a derivative is off, with the two numbers
 * @example
 * ```ts
 * import { array, tanh } from "@provably/core-tensor";
 * import { checkGrads } from "@provably/core-tensor/testing";
 *
 * checkGrads(tanh, [array([0.3, -1])], { order: 2 });
 * ```
 * @category Testing
 */
export function checkGrads(
  f: (...args: NdArray[]) => unknown,
  primals: readonly NdArray[],
  options: CheckGradsOptions = {},
): void {
  check("checkGrads", "f", f, anyFunction);
  check("checkGrads", "primals", primals, anyList);
  const {
    order = 1,
    modes = ["forward", "reverse"],
    step = 1e-5,
    tolerance,
  } = checkOptions("checkGrads", options, CHECK);
  const point = primals
    .map((input, i) => toArray("checkGrads", input, `primals[${i}]`))
    .map((x) => (isFloat(x.dtype) ? asType(x, "float64") : x));
  const moving = point.flatMap((x, i) => (isFloat(x.dtype) ? [i] : []));
  const at = (xs: readonly NdArray[]): NdArray[] => {
    const args = [...point];
    moving.forEach((k, j) => (args[k] = xs[j]!));
    return treeLeaves(f(...args)).filter((y) => isFloat(y.dtype));
  };
  const start = moving.map((k) => point[k]!);
  const directions = start.map((x, i) => wiggle(x, i + 1));
  checkFirst(at, start, directions, modes, step, tolerance ?? 1e-6, "first");
  if (order === 2) {
    const others = start.map((x, i) => wiggle(x, i + 101));
    const slope = (xs: readonly NdArray[]): NdArray[] =>
      jvp((...args: NdArray[]) => at(args), [...xs], others)[1];
    const pulled = (xs: readonly NdArray[]): NdArray[] => {
      const [ys, pullback] = vjp((...args: NdArray[]) => at(args), ...xs);
      return pullback(ys.map((y, i) => wiggle(y, i + 201)));
    };
    if (modes.includes("forward"))
      checkFirst(slope, start, directions, modes, step, tolerance ?? 1e-5, "second (of forward)");
    if (modes.includes("reverse"))
      checkFirst(pulled, start, directions, modes, step, tolerance ?? 1e-5, "second (of reverse)");
  }
}

function checkFirst(
  f: (xs: readonly NdArray[]) => NdArray[],
  xs: readonly NdArray[],
  directions: readonly NdArray[],
  modes: readonly string[],
  step: number,
  tolerance: number,
  which: string,
): void {
  const move = (h: number): NdArray[] => f(xs.map((x, i) => add(x, mul(h, directions[i]!))));
  const [up, down] = [move(step), move(-step)];
  const weights = up.map((y, i) => wiggle(y, i + 301));
  const differences = inner(
    weights,
    up.map((y, i) => mul(add(y, mul(-1, down[i]!)), 1 / (2 * step))),
  );
  const compare = (mode: string, value: number): void => {
    if (!(Math.abs(value - differences) <= tolerance * (1 + Math.abs(differences))))
      throw new DomainError(
        `checkGrads: ${which} order, ${mode} mode gives ${value}, finite differences ${differences}`,
      );
  };
  const wrapped = (...args: NdArray[]): NdArray[] => f(args);
  if (modes.includes("forward"))
    compare("forward", inner(weights, jvp(wrapped, [...xs], [...directions])[1]));
  if (modes.includes("reverse")) {
    const [, pullback] = vjp(wrapped, ...xs);
    compare("reverse", inner(directions, pullback(weights)));
  }
}

function inner(a: readonly NdArray[], b: readonly NdArray[]): number {
  return a.reduce((total, x, i) => total + item(sum(mul(x, b[i]!))), 0);
}

/** Fixed numbers in (−1, 1) in the shape of `x`. */
function wiggle(x: NdArray, seed: number): NdArray {
  const values = Float64Array.from(
    { length: x.size },
    (_, i) => (Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453) % 1,
  );
  return array(values, { shape: x.shape });
}
