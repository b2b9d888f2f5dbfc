/** Comparing whole arrays. */
import { type Schema, checkOptions, satisfying } from "../check/index.js";
import { type ArrayInput, toConcrete } from "../trace/input.js";
import { rowMajorData } from "../array/ndarray.js";
import { sameShape } from "../array/shape.js";

/**
 * How near is near.
 * @category Arrays
 */
export interface CloseOptions {
  /** Allowed difference relative to `b`; default 1e-5. */
  readonly relativeTolerance?: number;
  /** Allowed difference near zero; default 1e-8. */
  readonly absoluteTolerance?: number;
}

const notNegative = /* @__PURE__ */ satisfying<number>(
  "≥ 0",
  (x) => typeof x === "number" && x >= 0,
);
const CLOSE: Schema<CloseOptions> = {
  relativeTolerance: notNegative,
  absoluteTolerance: notNegative,
};

/**
 * Whether two arrays have the same shape and nearly the same elements: $|a - b| \le \alpha + \rho\,|b|$ everywhere,
 * with the absolute tolerance $\alpha$ and the relative tolerance $\rho$.
 *
 * NaN equals NaN and each infinity equals itself.
 *
 * @param a - any array
 * @param b - the reference
 * @param options - see {@link CloseOptions}
 * @returns true or false
 * @example
 * ```ts
 * import { allClose, array } from "@provably/core-tensor";
 *
 * allClose(array([1, 2]), [1, 2.00001]); // => true
 * allClose(array([1, 2]), [1, 2.1]); // => false
 * ```
 * @category Arrays
 */
export function allClose(a: ArrayInput, b: ArrayInput, options: CloseOptions = {}): boolean {
  const { relativeTolerance = 1e-5, absoluteTolerance = 1e-8 } = checkOptions(
    "allClose",
    options,
    CLOSE,
  );
  const x = toConcrete("allClose", a, "a");
  const y = toConcrete("allClose", b, "b");
  if (!sameShape(x.shape, y.shape)) return false;
  const u = rowMajorData(x);
  const v = rowMajorData(y);
  for (let i = 0; i < u.length; i++) {
    const [p, q] = [u[i]!, v[i]!];
    if (p === q || (Number.isNaN(p) && Number.isNaN(q))) continue;
    const allowed = absoluteTolerance + relativeTolerance * Math.abs(q);
    if (!(Math.abs(p - q) <= allowed) || !Number.isFinite(p)) return false;
  }
  return true;
}
