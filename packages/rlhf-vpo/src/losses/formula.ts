/** VPO as it is written down, in operations of the core: what the loop of {@link vpoLoss} is tested against. */
import {
  type NdArray,
  add,
  array,
  div,
  mean,
  mul,
  neg,
  softplus,
  sub,
  sum,
} from "@provably/core-tensor";
import { type Attitude, type Calibration, signOf } from "./vpo.js";

/** Arrays of a batch, all given; `samples` and `refSamples` for that calibration. */
export interface FormulaBatch {
  readonly chosen: NdArray;
  readonly rejected: NdArray;
  readonly refChosen: NdArray;
  readonly refRejected: NdArray;
  readonly weights?: NdArray;
  readonly samples?: NdArray;
  readonly refSamples?: NdArray;
}

/** The weighted mean of $(1-\epsilon)\,\mathrm{softplus}(-z_i) + \epsilon\,\mathrm{softplus}(z_i) + s\,\alpha\,\beta\, c_i$. */
export function vpoFormula(
  batch: FormulaBatch,
  options: {
    readonly alpha: number;
    readonly beta: number;
    readonly attitude: Attitude;
    readonly calibration: Calibration;
    readonly labelSmoothing: number;
  },
): NdArray {
  const { alpha, beta, attitude, calibration, labelSmoothing: e } = options;
  const u = sub(batch.chosen, batch.refChosen);
  const v = sub(batch.rejected, batch.refRejected);
  const z = mul(beta, sub(u, v));
  const c = {
    chosen: () => u,
    rejected: () => v,
    both: () => mul(0.5, add(u, v)),
    samples: () => mean(sub(batch.samples!, batch.refSamples!), { axis: 1 }),
  }[calibration]();
  const pair = add(mul(1 - e, softplus(neg(z))), mul(e, softplus(z)));
  const losses = add(pair, mul(signOf(attitude) * alpha * beta, c));
  const weights = batch.weights ?? array(1, { dtype: "float64" });
  return batch.weights ? div(sum(mul(weights, losses)), sum(weights)) : mean(losses);
}
