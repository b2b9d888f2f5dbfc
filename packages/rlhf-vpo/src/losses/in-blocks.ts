/** The loss of VPO, and so of DPO, on many pairs. */
import { DomainError, type NdArray, exp, log1p } from "@provably/core-tensor";
import { type Guard, flatNumbers, mapOf, recordWith, tensor } from "@provably/core-tensor/internal";
import { wrap } from "../arrays.js";
import type { FlatBatch, LossResult, PairLossOptions } from "./batch.js";
import { gradientsOf, resultOf } from "./over-pairs.js";

/** The loss of a pair: $(1-\epsilon)\,\mathrm{softplus}(-z) + \epsilon\,\mathrm{softplus}(z) + k^+ u + k^- v$. */
export interface Terms {
  readonly beta: number;
  readonly e: number;
  readonly kChosen: number;
  readonly kRejected: number;
}

/** Pairs in a block: what of them is in use fits the cache. */
const BLOCK = 4096;

export const DONATE: Guard<LossResult> = recordWith({
  losses: tensor,
  gradient: mapOf(tensor),
});

const INPUTS = ["chosen", "rejected", "refChosen", "refRejected"] as const;

/** Storage of a result of so many pairs: new, or that of an earlier result, which nobody reads any more. */
function roomOf(
  fn: string,
  batch: FlatBatch,
  { donate, withGradients = true }: PairLossOptions & { readonly donate?: LossResult },
): Float64Array[] {
  const { size, referenced } = batch;
  if (donate === undefined)
    return Array.from({ length: withGradients ? 5 : 1 }, () => new Float64Array(size));
  const room = (x: NdArray | undefined): Float64Array => {
    if (x?.dtype !== "float64" || x.shape.join() !== String(size))
      throw new DomainError(
        `${fn}: donate must be an earlier result of ${size} pairs, with the same fields and options`,
      );
    const data = flatNumbers(x);
    if (INPUTS.some((name) => batch[name].buffer === data.buffer))
      throw new DomainError(`${fn}: donate must not share its storage with the batch`);
    return data;
  };
  const gradients = withGradients
    ? INPUTS.map((name, i) =>
        i > 1 && !referenced ? new Float64Array(size) : room(donate.gradient[name]),
      )
    : [];
  return [room(donate.losses), ...gradients];
}

/**
 * The loss with a calibration term linear in u and v. Exponentials and logarithms are taken a block at a time, on the SIMD kernels of the core, and
 * log-probabilities are checked on the way. Memory that was never touched costs more than the arithmetic, so there are as few arrays as can be.
 *
 * Undefined where pairs have labels or margins of their own, or a log-probability is not what it should be.
 */
export function inBlocks(
  fn: string,
  batch: FlatBatch,
  options: PairLossOptions & { readonly donate?: LossResult },
  { beta, e, kChosen, kRejected }: Terms,
): LossResult | undefined {
  const { size, chosen, rejected, refChosen, refRejected, weights } = batch;
  if (batch.preferences || batch.margins) {
    if (options.donate)
      throw new DomainError(`${fn}: donate is read without preferences and margins only`);
    return undefined;
  }
  const [losses, da, db, da0, db0] = roomOf(fn, batch, options) as [
    Float64Array,
    ...(Float64Array | undefined)[],
  ];
  const share = 1 / size;
  const scratch = new Float64Array(2 * Math.min(BLOCK, size));
  let [loss, trouble, top] = [0, 0, -Infinity];
  for (let from = 0; from < size; from += BLOCK) {
    const count = Math.min(BLOCK, size - from);
    for (let i = 0; i < count; i++) {
      const at = from + i;
      const [a, b, a0, b0] = [chosen[at]!, rejected[at]!, refChosen[at]!, refRejected[at]!];
      const u = a - a0;
      const v = b - b0;
      const z = beta * (u - v);
      const far = Math.abs(z);
      // NaN from then on where something is not finite
      trouble += far - far;
      top = Math.max(top, a, b, a0, b0);
      scratch[i] = -far;
      scratch[count + i] = -0.5 * (far + z);
      // softplus(−z) − ln(1 + e^{−|z|}), without asking for the sign, which nobody can predict
      losses[at] = 0.5 * (far - z) + e * z + kChosen * u + kRejected * v;
    }
    const t = flatNumbers(exp(wrap(scratch.subarray(0, 2 * count))));
    const tail = flatNumbers(log1p(wrap(t.subarray(0, count))));
    for (let i = 0; i < count; i++) {
      const at = from + i;
      const w = weights ? weights[at]! : share;
      const value = losses[at]! + tail[i]!;
      losses[at] = value;
      loss += w * value;
      if (da === undefined) continue;
      // e^{−max(z, 0)} / (1 + e^{−|z|}) is σ(−z).
      const g = w * beta * (e - t[count + i]! / (1 + t[i]!));
      const towards = g + w * kChosen;
      const away = w * kRejected - g;
      da[at] = towards;
      da0![at] = -towards;
      db![at] = away;
      db0![at] = -away;
    }
  }
  if (!(trouble === 0) || (top > 1e-6 && !options.allowPositive)) return undefined;
  const gradient = da ? gradientsOf(da, db!, batch.referenced ? [da0!, db0!] : undefined) : {};
  return resultOf(batch, beta, loss, losses, gradient);
}
