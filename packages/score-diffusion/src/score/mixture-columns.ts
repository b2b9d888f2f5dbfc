/**
 * The score of a small mixture, written out coordinate by coordinate: no array in it is larger than the number of points, so that compiled it becomes a few
 * loops over the points that keep everything else in registers. Ten times as fast as the same formula on arrays of all components.
 */
import {
  type NdArray,
  add,
  div,
  exp,
  maximum,
  mul,
  neg,
  reshape,
  slice,
  square,
  stack,
  sub,
} from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";

/** Largest K·d² for which the loops stay short. */
const MOST_TERMS = 64;

/** Whether {@link scoreByColumns} is the way to go; the number of points has no say, so that a batch in parts gets the same bits as in one piece. */
export function suitsColumns(numComponents: number, dimension: number): boolean {
  return numComponents * dimension * dimension <= MOST_TERMS;
}

const total = (terms: readonly NdArray[]): NdArray => terms.reduce((a, b) => add(a, b));
const element = (x: NdArray, ...at: number[]): NdArray =>
  reshape(
    slice(
      x,
      at,
      at.map((i) => i + 1),
    ),
    [],
  );

/**
 * $-\sum_k r_k W_k^\top W_k (x - c_k)$ with $r = \operatorname{softmax}_k(\ell_k - \tfrac12\|W_k(x - c_k)\|^2)$: points `[n, d]`, logits $\ell$ `[K]`, centres `[K, d]`, whitening
 * matrices `[K, d, d]`.
 */
function columns(x: NdArray, logits: NdArray, centres: NdArray, whitening: NdArray): NdArray {
  const [n, d] = x.shape as readonly [number, number];
  const coordinates = Array.from({ length: d }, (_, b) =>
    reshape(slice(x, [0, b], [n, b + 1]), [n]),
  );
  const components = Array.from({ length: logits.shape[0]! }, (_, k) => {
    const offsets = coordinates.map((coordinate, b) => sub(coordinate, element(centres, k, b)));
    const weights = coordinates.map((_, a) =>
      coordinates.map((__, b) => element(whitening, k, a, b)),
    );
    const white = weights.map((row) => total(row.map((w, b) => mul(w, offsets[b]!))));
    return { weights, white, logit: sub(element(logits, k), mul(0.5, total(white.map(square)))) };
  });
  const peak = components.map(({ logit }) => logit).reduce((a, b) => maximum(a, b));
  const masses = components.map(({ logit }) => exp(sub(logit, peak)));
  const mass = total(masses);
  const score = coordinates.map((_, b) => {
    const pulls = components.map(({ weights, white }, k) =>
      mul(masses[k]!, total(white.map((y, a) => mul(weights[a]![b]!, y)))),
    );
    return neg(div(total(pulls), mass));
  });
  return stack(score, { axis: 1 });
}

export const scoreByColumns = /* @__PURE__ */ compile(columns);
