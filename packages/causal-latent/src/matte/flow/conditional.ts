/** A flow whose shape depends on a context: an affine map and then a spline or sigmoidal map, both written by small networks. */
import { type NdArray, add, exp, mul, neg, reshape, sub, sum } from "@provably/core-tensor";
import { array } from "@provably/core-tensor";
import type { RngKey } from "@provably/core-tensor/random";
import { foldIn } from "@provably/core-tensor/random";
import { type FlowMlpParams, initMlp, mlp } from "../network/mlp.js";
import { pieces } from "./bins.js";
import type { ScalarFlow } from "./family.js";

/**
 * Networks from the context to the raw numbers of a flow on `d` components.
 * @category Flows
 */
export interface ConditionalFlowParams {
  /** To `[m, l]`, of size `2 d`: the affine map $(x - m) e^{-l}$. */
  readonly affine: FlowMlpParams;
  /** To the raw numbers of every component, of size `d · numParams`; empty for an affine flow. */
  readonly shape: FlowMlpParams;
}

/** Values `[B, d]` and the log-determinant of each row `[B]`. */
export interface FlowRows {
  readonly value: NdArray;
  readonly logDet: NdArray;
}

export function initConditionalFlow(
  flow: ScalarFlow | undefined,
  size: number,
  contextSize: number,
  hidden: { readonly affine: readonly number[]; readonly shape: readonly number[] },
  key: RngKey,
  dtype: "float32" | "float64",
): ConditionalFlowParams {
  return {
    affine: initMlp([contextSize, ...hidden.affine, 2 * size], foldIn(key, "affine"), dtype, 0.1),
    shape:
      flow === undefined
        ? []
        : initMlp(
            [contextSize, ...hidden.shape, size * flow.numParams],
            foldIn(key, "shape"),
            dtype,
            0.1,
          ),
  };
}

function rawNumbers(
  flow: ScalarFlow,
  params: ConditionalFlowParams,
  context: NdArray,
  size: number,
): NdArray {
  const raw = reshape(mlp(params.shape, context), [context.shape[0]!, size, flow.numParams]);
  return add(raw, array(flow.neutral as number[], { dtype: context.dtype as "float32" }));
}

/** From values `[B, d]` to noise under the context `[B, k]`. */
export function toNoiseRows(
  flow: ScalarFlow | undefined,
  params: ConditionalFlowParams,
  x: NdArray,
  context: NdArray,
): FlowRows {
  const size = x.shape[1]!;
  const [shift, logScale] = pieces(mlp(params.affine, context), [size, size]) as [NdArray, NdArray];
  const standard = mul(sub(x, shift), exp(neg(logScale)));
  const affineLogDet = neg(sum(logScale, { axis: 1 }));
  if (flow === undefined) return { value: standard, logDet: affineLogDet };
  const { value, logDet } = flow.forward(standard, rawNumbers(flow, params, context, size));
  return { value, logDet: add(affineLogDet, sum(logDet, { axis: 1 })) };
}

/** The inverse of {@link toNoiseRows}, without its determinant. */
export function fromNoiseRows(
  flow: ScalarFlow | undefined,
  params: ConditionalFlowParams,
  noise: NdArray,
  context: NdArray,
): NdArray {
  const size = noise.shape[1]!;
  const [shift, logScale] = pieces(mlp(params.affine, context), [size, size]) as [NdArray, NdArray];
  const standard =
    flow === undefined ? noise : flow.inverse(noise, rawNumbers(flow, params, context, size)).value;
  return add(mul(standard, exp(logScale)), shift);
}
