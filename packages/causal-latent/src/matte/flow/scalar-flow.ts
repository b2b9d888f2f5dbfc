/**
 * Monotone maps of the real line, as data: a family says how many raw numbers describe one map, and applies maps forwards and backwards, element by
 * element. A network that writes the raw numbers makes the flow conditional, see conditional.ts.
 */
import { type ArrayInput, DomainError, type NdArray, ShapeError } from "@provably/core-tensor";
import { denseSigmoidalFlow } from "./dense-sigmoidal.js";
import { rationalLinearSpline } from "./rational-linear.js";
import { rationalQuadraticSpline } from "./rational-quadratic.js";

/**
 * Values of a map and the logarithms of its slopes, element by element.
 * @category Flows
 */
export interface FlowValue {
  /** The image of each element. */
  readonly value: NdArray;
  /** $\ln|\mathrm dy/\mathrm dx|$ of the direction that was applied, of the same shape. */
  readonly logDet: NdArray;
}

/**
 * A family of smooth increasing maps $\mathbb R \to \mathbb R$.
 * @category Flows
 */
export interface ScalarFlow {
  /** Raw numbers that describe one map. */
  readonly numParams: number;
  /** Raw numbers of a map that is the identity or close to it, one per parameter. */
  readonly neutral: readonly number[];
  /** `x` of shape `[…]` through the maps described by `raw` `[…, numParams]`. */
  forward(x: ArrayInput, raw: ArrayInput): FlowValue;
  /** The inverse of `forward`; its `logDet` is that of the inverse map. */
  inverse(y: ArrayInput, raw: ArrayInput): FlowValue;
}

/**
 * Which family, and its sizes.
 * @category Flows
 */
export type FlowConfig =
  | { readonly kind: "rational-linear" | "rational-quadratic"; readonly bins?: number; readonly bound?: number }
  | { readonly kind: "sigmoidal"; readonly hidden?: number; readonly layers?: number }
  /** No map beyond the affine one. */
  | { readonly kind: "affine" };

/**
 * The family that a configuration names.
 *
 * @param config - see {@link FlowConfig}
 * @returns the family; undefined for `"affine"`
 * @throws `DomainError` when a size is out of range or the kind unknown
 * @example
 * ```ts
 * import { scalarFlow } from "@provably/causal-latent/matte";
 *
 * scalarFlow({ kind: "rational-linear", bins: 8 }).numParams; // => 31
 * ```
 * @category Flows
 */
export function scalarFlow(config: FlowConfig): ScalarFlow | undefined {
  switch (config.kind) {
    case "rational-linear":
      return rationalLinearSpline(config);
    case "rational-quadratic":
      return rationalQuadraticSpline(config);
    case "sigmoidal":
      return denseSigmoidalFlow(config);
    case "affine":
      return undefined;
    default:
      throw new DomainError(
        `scalarFlow: kind must be "rational-linear", "rational-quadratic", "sigmoidal" or "affine", got ${JSON.stringify((config as { kind: unknown }).kind)}`,
      );
  }
}

/** Throws unless `raw` holds `numParams` numbers for every element of `x`. */
export function checkRaw(fn: string, x: NdArray, raw: NdArray, numParams: number): void {
  const fits = raw.shape.length === x.shape.length + 1 && raw.shape.at(-1) === numParams && x.shape.every((n, i) => n === raw.shape[i]);
  if (!fits) throw new ShapeError(`${fn}: raw must have shape [${[...x.shape, numParams].join(", ")}], got [${raw.shape.join(", ")}]`);
}
