/** Trading time for memory in gradients. */
import type { NdArray } from "../../array/ndarray.js";
import { anyFunction, check } from "../../check/index.js";
import { bind } from "../../trace/bind.js";
import type { Primitive } from "../../trace/primitive.js";
import { customVjpOf } from "../../transform/custom-vjp.js";
import { vjp } from "../../transform/vjp.js";
import { treeFill, treeLeaves } from "../../tree/tree.js";

/** Hands arrays through; what is computed from its outputs is not recognised as computed before. */
const barrierPrimitive: Primitive<{ readonly unique: () => void }> = {
  name: "barrier",
  shape: ([x]) => [x!],
  evaluate: ([x]) => [x!],
  derivative: { kind: "linear", transpose: [(ct) => ct] },
  batching: { kind: "elementwise" },
};

/**
 * A function whose gradient keeps only the arguments and computes everything in between once more.
 *
 * For long chains of layers, whose intermediate values would not fit: memory for one layer instead of all, time for one more evaluation.
 * Only the arguments have a gradient, so that parameters must be among them; forward mode is not defined.
 *
 * @param f - function of trees of arrays to a tree of arrays
 * @returns function with the same values and gradients
 * @example
 * ```ts
 * import { array, exp, grad, item, mul, sum } from "@provably/core-tensor";
 * import { checkpoint } from "@provably/core-tensor/compile";
 *
 * const layer = checkpoint((x) => mul(exp(x), x));
 * item(grad((x) => sum(layer(x)))(array(0))); // => 1
 * ```
 * @see Griewank, Walther (2000), "Algorithm 799: revolve"
 * @category Control flow
 */
export function checkpoint<Args extends unknown[], Y>(
  f: (...args: Args) => Y,
): (...args: Args) => Y {
  check("checkpoint", "f", f, anyFunction);
  const anew = (args: Args): Args => {
    // functions are equal to themselves only
    const unique = (): void => undefined;
    return treeFill(
      args,
      treeLeaves(args).map((x): NdArray => bind(barrierPrimitive, [x], { unique })[0]!),
    );
  };
  return customVjpOf<Args, Y, Args>(
    "checkpoint",
    f,
    (...args) => [f(...args), args],
    (args, cotangent) => vjp(f, ...anew(args))[1](cotangent),
  );
}
