/** Functions that bring their own derivative along a direction. */
import { anyFunction, check, within } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape, sameShape } from "../array/shape.js";
import { ShapeError } from "../errors.js";
import { zerosLike } from "../ops/arrange.js";
import { broadcastTo } from "../ops/broadcast.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { bind } from "../trace/bind.js";
import type { Primitive } from "../trace/primitive.js";
import { asTree } from "../tree/as-tree.js";
import { leavesLike, treeFill, treeLeaves, treeMap } from "../tree/tree.js";
import { vjp } from "./vjp.js";
import { vmap } from "./vmap.js";

const FN = "customJvp";

interface Attachment {
  /** How many of the inputs are arguments; the rest are results. */
  readonly args: number;
  /** Tangents of the results from the arguments and their tangents. */
  readonly forward: (primals: NdArray[], tangents: NdArray[]) => NdArray[];
}

/** Passes results through, and moves them with the arguments by the given rule. */
const attachPrimitive: Primitive<Attachment> = {
  name: "customJvp",
  shape: (inputs, { args }) => inputs.slice(args),
  evaluate: (inputs, { args }) => inputs.slice(args),
  derivative: {
    kind: "rules",
    jvp({ inputs, tangents, attrs: { args, forward } }) {
      const primals = inputs.slice(0, args);
      return forward(
        primals,
        primals.map((x, i) => tangents[i] ?? zerosLike(x)),
      );
    },
    // the rule is linear in the tangents: here it is transposed
    vjp({ inputs, outputs, cotangents, attrs: { args, forward } }) {
      const primals = inputs.slice(0, args);
      const origin = primals.map((x) => zerosLike(x));
      const [, pullback] = vjp((tangents: NdArray[]) => forward(primals, tangents), origin);
      return pullback(outputs.map((y, i) => cotangents[i] ?? zerosLike(y)))[0];
    },
  },
  batching: {
    kind: "rule",
    rule(inputs, batched, attrs, batchSize) {
      const all = inputs.map((x, i) => (batched[i] ? x : broadcastTo(x, [batchSize, ...x.shape])));
      const forward = (primals: NdArray[], tangents: NdArray[]): NdArray[] =>
        vmap((members: NdArray[], moves: NdArray[]) => attrs.forward(members, moves))(
          primals,
          tangents,
        );
      return bind(attachPrimitive, all, { ...attrs, forward });
    },
  },
};

/**
 * A function with a forward derivative of your own. Reverse mode transposes it, so `grad`, `jvp`, `hvp`, `vmap` and `compile` all use the rule.
 *
 * @param f - function of trees of arrays to a tree of arrays
 * @param tangent - takes the list of arguments and the list of their tangents, and returns the tangent of the value, a tree like the value;
 * linear in the tangents
 * @returns function with the values of `f` and the derivative of `tangent`
 * @throws {@link ShapeError} when a tangent of the value has another structure or shape than the value
 * @example
 * ```ts
 * import { customJvp, div, grad, item, log1p, exp, mul, neg, add } from "@provably/core-tensor";
 *
 * // log(1 + exp x), whose derivative 1/(1 + exp(-x)) stays finite
 * const softplus = customJvp(
 *   (x) => log1p(exp(x)),
 *   ([x], [dx]) => div(dx, add(1, exp(neg(x)))),
 * );
 * item(grad(softplus)(1000)); // => 1
 * ```
 * @see Radul, Paszke, Frostig, Johnson, Maclaurin (2023), "You only linearize once"
 * @category Transforms
 */
export function customJvp<Args extends unknown[], Y>(
  f: (...args: Args) => Y,
  tangent: (primals: Args, tangents: Args) => Y,
): (...args: Args) => Y {
  check(FN, "f", f, anyFunction);
  check(FN, "tangent", tangent, anyFunction);
  return (...inputs) => {
    const args = inputs.map((x) => asTree(FN, x)) as Args;
    const variables = treeLeaves(args);
    if (variables.length === 0) return f(...args);
    const constants = within(FN, () => treeMap(stopGradient, args));
    const value = asTree(FN, f(...constants)) as Y;
    const results = treeLeaves(value);
    const forward = (primals: NdArray[], tangents: NdArray[]): NdArray[] => {
      const given = asTree(FN, tangent(treeFill(args, primals), treeFill(args, tangents)));
      const says = "tangent must return a tree like the value";
      return leavesLike(FN, says, value, given).map((t, i) => fitting(t, results[i]!, i));
    };
    const outputs = bind(attachPrimitive, [...variables, ...results], {
      args: variables.length,
      forward,
    });
    return treeFill(value, outputs);
  };
}

/** A tangent of the shape of its result. Under `vmap` both are members of one batch. */
function fitting(t: NdArray, result: NdArray, i: number): NdArray {
  if (!sameShape(t.shape, result.shape))
    throw new ShapeError(
      `${FN}: what tangent returns must have shape ${formatShape(result.shape)} at ${i}, got ${formatShape(t.shape)}`,
    );
  return t;
}
