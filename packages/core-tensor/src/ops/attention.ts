/** Scaled dot-product attention. */
import {
  type Schema,
  anything,
  checkOptions,
  finiteNumber,
  show,
  trueOrFalse,
  within,
} from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape, sameShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { add, div, mul, sub } from "./arithmetic.js";
import { maximum } from "./bounds.js";
import { broadcastTo } from "./broadcast.js";
import { equal, greaterEqual, where } from "./comparison.js";
import { arange } from "./create.js";
import { exp } from "./exponential.js";
import { matmul, matrixTranspose } from "./matmul.js";
import { sum } from "./reduce.js";
import { max } from "./extremum.js";
import { expandDims, reshape } from "./reshape.js";
import { sliceAxis } from "./slice.js";
import { softmax } from "./softmax.js";

/**
 * Options of {@link attention}.
 * @category Networks
 */
export interface AttentionOptions {
  /** Let query i see only keys up to its own place, counted from the end when there are more keys than queries; default false. */
  readonly causal?: boolean;
  /** Added to the scores before the softmax, broadcast to `[…, H, T, S]`; −Infinity hides a key. Default none. */
  readonly mask?: ArrayInput;
  /** Factor of the scores; default $1/\sqrt d$. */
  readonly scale?: number;
  /** Keys taken at a time with a running softmax, so that scores need only `T · blockSize` numbers; default all keys at once. */
  readonly blockSize?: number;
}

const ATTENTION: Schema<AttentionOptions> = {
  causal: trueOrFalse,
  mask: anything,
  scale: finiteNumber,
  blockSize: anything,
};

/**
 * Attention $\operatorname{softmax}(s\,QK^\top + M)\,V$ for each head.
 *
 * With fewer key heads than query heads each key head serves a group of neighbouring query heads. A query that sees no key gives 0 when
 * keys come in blocks, NaN otherwise.
 *
 * @param queries - shape `[…, H, T, d]`
 * @param keys - shape `[…, G, S, d]` with `G` dividing `H`
 * @param values - shape `[…, G, S, e]`
 * @param options - see {@link AttentionOptions}
 * @returns array of shape `[…, H, T, e]`
 * @throws {@link ShapeError} when the shapes do not fit
 * @example
 * ```ts
 * import { attention, ones } from "@provably/core-tensor";
 *
 * attention(ones([1, 4, 5, 8]), ones([1, 2, 5, 8]), ones([1, 2, 5, 8]), { causal: true }).shape; // => [1, 4, 5, 8]
 * ```
 * @see Vaswani et al. (2017), "Attention is all you need", eq. 1; Milakov, Gimelshein (2018), "Online normalizer calculation for softmax"
 * @category Networks
 */
export function attention(
  queries: ArrayInput,
  keys: ArrayInput,
  values: ArrayInput,
  options: AttentionOptions = {},
): NdArray {
  checkOptions("attention", options, ATTENTION);
  const q = toArray("attention", queries, "queries");
  const [k, v] = [toArray("attention", keys, "keys"), toArray("attention", values, "values")];
  const heads = q.shape[q.shape.length - 3];
  const groups = k.shape[k.shape.length - 3];
  if (
    heads === undefined ||
    groups === undefined ||
    heads % groups !== 0 ||
    !sameShape(k.shape.slice(0, -1), v.shape.slice(0, -1))
  )
    throw new ShapeError(
      `attention: queries must be [H, T, d], keys [G, S, d], values [G, S, e] with G dividing H, got ${formatShape(q.shape)}, ${formatShape(k.shape)}, ${formatShape(v.shape)}`,
    );
  const [t, d] = q.shape.slice(-2) as [number, number];
  const s = k.shape[k.shape.length - 2]!;
  const { scale = 1 / Math.sqrt(d), blockSize = s, causal = false, mask } = options;
  if (!Number.isInteger(blockSize) || (blockSize < 1 && s > 0))
    throw new DomainError(`attention: blockSize must be an integer ≥ 1, got ${show(blockSize)}`);
  const [kk, vv] = [spreadHeads(k, heads / groups), spreadHeads(v, heads / groups)];
  const bias = mask === undefined ? undefined : toArray("attention", mask, "mask");
  const scores = (from: number, to: number): NdArray => {
    let x = mul(matmul(q, matrixTranspose(sliceAxis(kk, kk.shape.length - 2, from, to))), scale);
    if (bias !== undefined)
      x = add(
        x,
        sliceAxis(broadcastTo(bias, [...x.shape.slice(0, -1), s]), x.shape.length - 1, from, to),
      );
    return causal ? where(visible(t, s, from, to), x, -Infinity) : x;
  };
  return within("attention", () =>
    blockSize >= s ? matmul(softmax(scores(0, s)), vv) : overBlocks(scores, vv, s, blockSize),
  );
}

/** Whether query i may see key j: rows of queries, columns `from` to `to` of keys. */
function visible(t: number, s: number, from: number, to: number): NdArray {
  return greaterEqual(expandDims(arange(s - t, s, 1), 1), arange(from, to, 1));
}

/** Repeats each key head for the query heads that it serves. */
function spreadHeads(x: NdArray, times: number): NdArray {
  if (times === 1) return x;
  const rank = x.shape.length;
  const wide = [...x.shape.slice(0, rank - 2), times, ...x.shape.slice(rank - 2)];
  const heads = x.shape[rank - 3]! * times;
  return reshape(broadcastTo(expandDims(x, rank - 2), wide), [
    ...x.shape.slice(0, rank - 3),
    heads,
    ...x.shape.slice(rank - 2),
  ]);
}

/** Softmax-weighted values block by block, with a running maximum, normaliser and sum. */
function overBlocks(
  scores: (from: number, to: number) => NdArray,
  values: NdArray,
  s: number,
  blockSize: number,
): NdArray {
  let peak: NdArray | undefined;
  let total: NdArray | undefined;
  let acc: NdArray | undefined;
  for (let from = 0; from < s; from += blockSize) {
    const to = Math.min(s, from + blockSize);
    const x = scores(from, to);
    const block = max(x, { axis: -1, keepDims: true });
    const next: NdArray = peak === undefined ? block : maximum(peak, block);
    // a row that has seen no key yet keeps the shift finite
    const shift = where(equal(next, -Infinity), 0, next);
    const weights = exp(sub(x, shift));
    const part = matmul(weights, sliceAxis(values, values.shape.length - 2, from, to));
    const mass = sum(weights, { axis: -1, keepDims: true });
    const keep = peak === undefined ? undefined : exp(sub(peak, shift));
    acc = acc === undefined || keep === undefined ? part : add(mul(acc, keep), part);
    total = total === undefined || keep === undefined ? mass : add(mul(total, keep), mass);
    peak = next;
  }
  const sumOfWeights = total!;
  const nothing = equal(sumOfWeights, 0);
  return div(acc!, where(nothing, 1, sumOfWeights));
}
