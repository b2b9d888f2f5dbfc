/** Forward-mode derivatives along a direction, and second derivatives along a direction. */
import { anyFunction, anyList, check } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape, sameShape } from "../array/shape.js";
import { ShapeError } from "../errors.js";
import { zeros } from "../ops/create.js";
import { asTree } from "../tree/as-tree.js";
import { leavesLike, treeFill, treeLeaves } from "../tree/tree.js";
import { ForwardTrace } from "./forward.js";
import { gradOf } from "./vjp.js";

/**
 * The value of a function and its derivative along a direction, $\left(f(x),\; \partial f(x)\, v\right)$, in one forward pass.
 *
 * @param f - function of trees of arrays to a tree of arrays
 * @param primals - where to differentiate, one per argument of `f`
 * @param tangents - the direction $v$, trees like `primals`
 * @returns the value and its tangent, trees of one structure
 * @throws {@link ShapeError} when the tangents do not fit the primals
 * @example
 * ```ts
 * import { array, jvp, square, toNested } from "@provably/core-tensor";
 *
 * const [y, tangent] = jvp(square, [array([1, 2])], [array([1, 10])]);
 * toNested(tangent); // => [2, 40]
 * ```
 * @see Griewank, Walther (2008), "Evaluating Derivatives", chapter 3.1
 * @category Transforms
 */
export function jvp<Args extends unknown[], Y>(
  f: (...args: Args) => Y,
  primals: Args,
  tangents: Args,
): [Y, Y] {
  return jvpOf("jvp", f, primals, tangents);
}

/** The derivative along a direction as `fn` uses it. */
function jvpOf<Args extends unknown[], Y>(
  fn: string,
  f: (...args: Args) => Y,
  primals: Args,
  tangents: Args,
): [Y, Y] {
  check(fn, "f", f, anyFunction);
  check(fn, "primals", primals, anyList);
  check(fn, "tangents", tangents, anyList);
  const trace = new ForwardTrace();
  const duals = primals.map((primal, i) => {
    const tree = asTree(fn, primal);
    const values = treeLeaves(tree);
    const says = `primal and tangent ${i} must have the same structure`;
    const directions = leavesLike(fn, says, tree, asTree(fn, tangents[i]));
    const leaves = values.map((x, k) => {
      const t = directions[k]!;
      if (!sameShape(t.shape, x.shape))
        throw new ShapeError(
          `${fn}: tangent ${i} must have shape ${formatShape(x.shape)}, got ${formatShape(t.shape)}`,
        );
      return trace.dual(x, t);
    });
    return treeFill(tree, leaves);
  }) as Args;
  let result: Y;
  try {
    result = asTree(fn, f(...duals)) as Y;
  } finally {
    trace.finished = true;
  }
  const outputs = treeLeaves(result);
  const value = treeFill(
    result,
    outputs.map((y) => trace.value(y)),
  );
  const tangent = treeFill(
    result,
    outputs.map((y) => trace.tangent(y) ?? zeros(y.shape, { dtype: y.dtype })),
  );
  return [value, tangent];
}

/**
 * The Hessian of a function times a vector, $\nabla^2 f(x)\, v$, without forming the Hessian: the gradient, differentiated forwards.
 *
 * @param f - function whose result is a single float
 * @param primals - where, one per argument of `f`
 * @param tangents - the vector $v$, trees like `primals`; the gradient is taken in all arguments
 * @returns one product per argument
 * @throws {@link ShapeError} when the tangents do not fit the primals
 * @example
 * ```ts
 * import { array, hvp, mul, square, sum, toNested } from "@provably/core-tensor";
 *
 * const cubes = (x) => sum(mul(x, square(x)));
 * toNested(hvp(cubes, [array([1, 2])], [array([1, 1])])[0]); // => [6, 12]
 * ```
 * @see Pearlmutter (1994), "Fast exact multiplication by the Hessian"
 * @category Transforms
 */
export function hvp<Args extends unknown[]>(
  f: (...args: Args) => NdArray,
  primals: Args,
  tangents: Args,
): Args {
  check("hvp", "f", f, anyFunction);
  check("hvp", "primals", primals, anyList);
  check("hvp", "tangents", tangents, anyList);
  const gradient = gradOf("hvp", f, { argnums: primals.map((_, i) => i) });
  return jvpOf("hvp", (...args: Args) => gradient(...args) as Args, primals, tangents)[1];
}
