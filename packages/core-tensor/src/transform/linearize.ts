/** A function at a point: its value, and its derivative as a linear map. */
import { anyFunction, check, within } from "../check/index.js";
import { formatShape, sameShape } from "../array/shape.js";
import { ShapeError } from "../errors.js";
import { zerosLike } from "../ops/arrange.js";
import { asTree } from "../tree/as-tree.js";
import { leavesLike, treeFill, treeLeaves, treeMap } from "../tree/tree.js";
import { vjp } from "./vjp.js";

const FN = "linearize";

/**
 * The value of a function and its derivative as a linear map from tangents to tangents, $v \mapsto \partial f(x)\, v$.
 *
 * What `jvp` computes, with `f` run once for as many directions as are asked for. The map is the transpose of the pullback of {@link vjp}, which is
 * linear in the cotangent; it holds the intermediate values, and works wherever `vjp` does, with `customVjp` inside too. A call costs a small
 * multiple of `f`.
 *
 * @param f - function of trees of arrays to a tree of arrays
 * @param primals - where to differentiate, one per argument of `f`
 * @returns the value, and the linear map, which takes one tangent like each argument and returns a tree like the value
 * @throws {@link ShapeError} from the map, when a tangent does not fit its argument
 * @example
 * ```ts
 * import { array, linearize, square, toNested } from "@provably/core-tensor";
 *
 * const [y, push] = linearize(square, array([1, 2]));
 * toNested(y); // => [1, 4]
 * toNested(push(array([1, 10]))); // => [2, 40]
 * ```
 * @see Radul, Paszke, Frostig, Johnson, Maclaurin (2023), "You only linearize once"
 * @category Transforms
 */
export function linearize<Args extends unknown[], Y>(
  f: (...args: Args) => Y,
  ...primals: Args
): [Y, (...tangents: Args) => Y] {
  check(FN, "f", f, anyFunction);
  const points = primals.map((x) => asTree(FN, x)) as Args;
  const [value, pullback] = within(FN, () => vjp(f, ...points));
  const origin: Y = treeMap(zerosLike, value);
  const transposed = within(FN, () => vjp((ct: Y) => pullback(ct) as unknown, origin)[1]);
  const push = (...tangents: Args): Y => {
    const directions = points.map((point, i) => fitting(point, tangents[i], i));
    return within(FN, () => transposed(directions)[0]) as Y;
  };
  return [value, push];
}

/** A tangent as a tree of arrays of the shapes of its argument. */
function fitting(point: unknown, tangent: unknown, i: number): unknown {
  const says = `argument and tangent ${i} must have the same structure`;
  const leaves = leavesLike(FN, says, point, asTree(FN, tangent));
  treeLeaves(point).forEach((x, k) => {
    if (!sameShape(x.shape, leaves[k]!.shape))
      throw new ShapeError(
        `${FN}: tangent ${i} must have shape ${formatShape(x.shape)}, got ${formatShape(leaves[k]!.shape)}`,
      );
  });
  return treeFill(point, leaves);
}
