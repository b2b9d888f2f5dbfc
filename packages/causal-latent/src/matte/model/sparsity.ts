/** How many coordinates of the observation a latent moves: the quantity whose minimum identifies the style block, under the theorem's conditions. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  abs,
  add,
  argsort,
  array,
  div,
  greaterEqual,
  less,
  logicalAnd,
  mean,
  mul,
  sqrt,
  square,
  stopGradient,
  sum,
  where,
} from "@provably/core-tensor";
import { anyList, check, show } from "@provably/core-tensor/internal";
import { asArray } from "../internal/arrays.js";

/**
 * Size of the influence of some latents on an observation, from the columns of the decoder's Jacobian.
 *
 * $$\text{l1}: \; \frac1B \sum_b \sum_i \lVert J^{(b)}_{\cdot i} \rVert_1, \qquad
 *   \text{l1l2}: \; \sum_i \frac{\lVert G_{\cdot i} \rVert_1}{\lVert G_{\cdot i} \rVert_2}, \quad G_{ji} = \sqrt{\tfrac1B \sum_b (J^{(b)}_{ji})^2}.$$
 *
 * The first falls when the decoder shrinks a latent's effect, whether or not fewer coordinates move. The second does not change under rescaling: it lies
 * between 1 (one coordinate) and $\sqrt p$ (all of them equally), for each latent.
 *
 * @param columns - for each latent $i$ the derivative of every observation along it, $[B, p]$
 * @param kind - `"l1"` or `"l1l2"`
 * @returns a single number
 * @throws `DomainError` for another kind
 * @example
 * ```ts
 * import { item } from "@provably/core-tensor";
 * import { jacobianSparsity } from "@provably/causal-latent/matte";
 *
 * item(jacobianSparsity([[[3, 0, 4]]], "l1")); // => 7
 * item(jacobianSparsity([[[3, 0, 4]]], "l1l2")).toFixed(6); // => "1.400000"
 * ```
 * @category Objective
 */
export function jacobianSparsity(columns: readonly ArrayInput[], kind: "l1" | "l1l2"): NdArray {
  if (kind !== "l1" && kind !== "l1l2")
    throw new DomainError(`jacobianSparsity: kind must be "l1" or "l1l2", got ${show(kind)}`);
  const terms = check("jacobianSparsity", "columns", columns, anyList).map((column) => {
    const J = asArray(column);
    if (J.shape.length !== 2 || J.size === 0)
      throw new ShapeError(
        `jacobianSparsity: columns must have shape [B, p], got [${J.shape.join(", ")}]`,
      );
    if (kind === "l1") return mean(sum(abs(J), { axis: 1 }));
    // the tiny number keeps the root differentiable at an influence of zero
    const energy = add(mean(square(J), { axis: 0 }), 1e-12);
    return div(sum(sqrt(energy)), sqrt(sum(energy)));
  });
  return terms.reduce((total, term) => add(total, term), mul(0, terms[0] ?? array(0)));
}

/** Content's influence on the coordinates on which style acts most and content least, `k` each. The choice of coordinates is not differentiated. */
export function overlapTerm(
  style: readonly NdArray[],
  content: readonly NdArray[],
  k: number,
): NdArray {
  const total = (columns: readonly NdArray[]): NdArray =>
    columns.map((J) => abs(J)).reduce((a, b) => add(a, b));
  const byContent = total(content);
  const rank = (x: NdArray): NdArray => argsort(argsort(x, { axis: 1 }), { axis: 1 });
  const top = greaterEqual(rank(stopGradient(total(style))), byContent.shape[1]! - k);
  const bottom = less(rank(stopGradient(byContent)), k);
  return mean(sum(where(logicalAnd(top, bottom), byContent, 0), { axis: 1 }));
}
