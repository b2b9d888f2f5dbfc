/** Functions that bring their own pullback. */
import { anyFunction, anyList, check, within } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape, sameShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { broadcastTo } from "../ops/broadcast.js";
import { zeros } from "../ops/create.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { bind } from "../trace/bind.js";
import type { Primitive } from "../trace/primitive.js";
import { asTree } from "../tree/as-tree.js";
import { leavesLike, treeFill, treeLeaves, treeMap } from "../tree/tree.js";
import { vmap } from "./vmap.js";

interface Attachment {
  /** How many of the inputs are arguments, and how many after them are results; the rest are residuals. */
  readonly args: number;
  readonly results: number;
  /** Cotangents of the arguments from residuals and cotangents of the results. */
  readonly backward: (residuals: NdArray[], cotangents: NdArray[]) => NdArray[];
}

/** Passes results through, and sends their cotangents to the arguments by the given pullback. */
const attachPrimitive: Primitive<Attachment> = {
  name: "customVjp",
  shape: (inputs, { args, results }) => inputs.slice(args, args + results),
  evaluate: (inputs, { args, results }) => inputs.slice(args, args + results),
  derivative: {
    kind: "rules",
    jvp() {
      throw new DomainError(
        "customVjp: only reverse mode is defined for this function; use grad or vjp instead of jvp or hvp",
      );
    },
    vjp({ inputs, outputs, cotangents, attrs }) {
      const cts = outputs.map((y, i) => cotangents[i] ?? zerosLike(y));
      return attrs.backward(inputs.slice(attrs.args + attrs.results), cts);
    },
  },
  batching: {
    kind: "rule",
    rule(inputs, batched, attrs, batchSize) {
      const all = inputs.map((x, i) => (batched[i] ? x : repeat(x, batchSize)));
      const backward = (residuals: NdArray[], cts: NdArray[]): NdArray[] =>
        vmap((...members: NdArray[]) =>
          attrs.backward(members.slice(0, residuals.length), members.slice(residuals.length)),
        )(...residuals, ...cts);
      return bind(attachPrimitive, all, { ...attrs, backward });
    },
  },
};

function zerosLike(x: NdArray): NdArray {
  return zeros(x.shape, { dtype: x.dtype });
}

function repeat(x: NdArray, batchSize: number): NdArray {
  return broadcastTo(x, [batchSize, ...x.shape]);
}

/**
 * A function with a derivative of your own: where the built-in one is unstable, wasteful, or should be another on purpose.
 *
 * @param f - function of trees of arrays to a tree of arrays
 * @param forward - takes the same arguments; returns the value of `f` and whatever arrays `backward` will need
 * @param backward - takes those arrays and the cotangent of the value; returns one cotangent per argument
 * @returns function with the values of `f` and the derivative of `backward`; works under `vmap`, not under `jvp`
 * @throws {@link ShapeError} when `backward` returns another number of cotangents than there are arguments
 * @example
 * ```ts
 * import { clip, customVjp, grad, item, mul } from "@provably/core-tensor";
 *
 * // the identity, whose gradient is kept within [-1, 1]
 * const clipped = customVjp((x) => x, (x) => [x, []], (_, ct) => [clip(ct, -1, 1)]);
 * item(grad((x) => mul(clipped(x), 5))(2)); // => 1
 * ```
 * @category Transforms
 */
export function customVjp<Args extends unknown[], Y, R>(
  f: (...args: Args) => Y,
  forward: (...args: Args) => [Y, R],
  backward: (residuals: R, cotangent: Y) => unknown[],
): (...args: Args) => Y {
  return customVjpOf("customVjp", f, forward, backward);
}

/** The same under the name of the function that the user called. */
export function customVjpOf<Args extends unknown[], Y, R>(
  fn: string,
  f: (...args: Args) => Y,
  forward: (...args: Args) => [Y, R],
  backward: (residuals: R, cotangent: Y) => unknown[],
): (...args: Args) => Y {
  check(fn, "f", f, anyFunction);
  check(fn, "forward", forward, anyFunction);
  check(fn, "backward", backward, anyFunction);
  return (...inputs) => {
    const args = inputs.map((x) => asTree(fn, x)) as Args;
    const variables = treeLeaves(args);
    if (variables.length === 0) return f(...args);
    const constants = within(fn, () => treeMap(stopGradient, args));
    const [result, residuals] = forward(...constants);
    const value = asTree(fn, result) as Y;
    const kept = treeLeaves(residuals);
    const results = treeLeaves(value);
    const flat = (saved: NdArray[], cts: NdArray[]): NdArray[] => {
      const given = backward(treeFill(residuals, saved), treeFill(value, cts));
      const says = "backward must return a list of one cotangent like each argument";
      const grads = leavesLike(
        "customVjp",
        says,
        args,
        check("customVjp", "what backward returns", given, anyList).map((ct) =>
          asTree("customVjp", ct),
        ),
      );
      grads.forEach((ct, i) => {
        const { shape } = variables[i]!;
        if (!sameShape(ct.shape, shape))
          throw new ShapeError(
            `customVjp: cotangent ${i} of backward must have shape ${formatShape(shape)}, got ${formatShape(ct.shape)}`,
          );
      });
      return grads;
    };
    const outputs = bind(attachPrimitive, [...variables, ...results, ...kept], {
      args: variables.length,
      results: results.length,
      backward: flat,
    });
    return treeFill(value, outputs);
  };
}
