/** What a family of monotone maps of the real line is: how many raw numbers describe one map, and how maps are applied, element by element. */
import { type ArrayInput, type NdArray, ShapeError } from "@provably/core-tensor";

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

/** Throws unless `raw` holds `numParams` numbers for every element of `x`. */
export function checkRaw(fn: string, x: NdArray, raw: NdArray, numParams: number): void {
  const fits =
    raw.shape.length === x.shape.length + 1 &&
    raw.shape.at(-1) === numParams &&
    x.shape.every((n, i) => n === raw.shape[i]);
  if (!fits)
    throw new ShapeError(
      `${fn}: raw must have shape [${[...x.shape, numParams].join(", ")}], got [${raw.shape.join(", ")}]`,
    );
}
