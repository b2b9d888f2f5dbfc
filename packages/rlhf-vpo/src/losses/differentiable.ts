/** The losses as functions that automatic differentiation goes through. */
import {
  DTypeError,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  customVjp,
  isNdArray,
  mul,
} from "@provably/core-tensor";
import { anyFunction, anyRecord, check, mapOf, show, tensor } from "@provably/core-tensor/internal";
import { read } from "../arrays.js";

/**
 * What {@link differentiable} needs of a loss.
 * @category Options
 */
export interface Differentiable {
  readonly loss: number;
  readonly gradient: Readonly<Record<string, NdArray<"float64">>>;
}

/** Inputs that are counts or labels: nobody differentiates with respect to them. */
const DISCRETE = ["chosenLengths", "rejectedLengths", "desirable", "preferences", "margins"];

/** Numbers that are not an array of ours, nor one that is being traced. */
const isPlain = (x: unknown): x is number[] =>
  typeof x === "number" || Array.isArray(x) || ArrayBuffer.isView(x);

/**
 * A loss as a differentiable function of its arrays, for policies that are trained through automatic differentiation: its closed-form gradients are
 * handed to the chain rule.
 *
 * @param loss - a loss of this package with its options filled in, such as `(batch) => vpoLoss(batch, { alpha, attitude })`
 * @returns function of the same batch to the mean loss, a scalar array; differentiable once, with respect to every array that has a gradient
 * @throws what the loss throws
 * @example
 * ```ts
 * import { array, grad, toNested } from "@provably/core-tensor";
 * import { differentiable, dpoLoss } from "@provably/rlhf-vpo";
 *
 * const loss = differentiable((batch) => dpoLoss(batch, { beta: 1 }));
 * const f = (chosen) => loss({ chosen, rejected: array([-2]), refChosen: array([-1]), refRejected: array([-2]) });
 * toNested(grad(f)(array([-1]))); // => [-0.5]
 * ```
 * @category Losses
 */
export function differentiable<Batch extends object>(
  loss: (batch: Batch) => Differentiable,
): (batch: Batch) => NdArray {
  check("differentiable", "loss", loss, anyFunction);
  return (batch) => {
    const given = Object.entries(check("differentiable", "batch", batch, anyRecord)).filter(
      ([, value]) => value !== undefined,
    );
    const names = given.map(([name]) => name);
    const arrays = given.map(([name, value]: [string, unknown]) =>
      isPlain(value) ? read("differentiable", name, value) : value,
    );
    arrays.forEach((x, i) => {
      if (!isNdArray(x))
        throw new DTypeError(`differentiable: ${names[i]} must be an array, got ${show(x)}`);
    });
    const rebuild = (values: readonly unknown[]): Batch =>
      Object.fromEntries(names.map((name, i) => [name, values[i]])) as Batch;
    const value = (...values: unknown[]): NdArray =>
      array(check("differentiable", "the loss", loss(rebuild(values)), anyRecord).loss, {
        dtype: "float64",
      });
    const run = customVjp(
      value,
      (...values: unknown[]): [NdArray, NdArray[]] => {
        const result = check("differentiable", "the loss", loss(rebuild(values)), anyRecord);
        check("differentiable", "gradient of the loss", result.gradient, mapOf(tensor));
        const gradients = names.map((name, i) => {
          const shape = (values[i] as NdArray).shape;
          const g = result.gradient[name];
          if (!g && !DISCRETE.includes(name))
            throw new DomainError(`differentiable: the loss gives no gradient of ${name}`);
          if (g && g.shape.join() !== shape.join())
            throw new ShapeError(
              `differentiable: the gradient of ${name} has shape [${g.shape.join(", ")}], its input [${shape.join(", ")}]`,
            );
          return g ?? array(new Float64Array(shape.reduce((a, b) => a * b, 1)), { shape });
        });
        return [array(result.loss, { dtype: "float64" }), gradients];
      },
      (gradients: NdArray[], cotangent: NdArray) => gradients.map((g) => mul(g, cotangent)),
    );
    return run(...arrays);
  };
}
