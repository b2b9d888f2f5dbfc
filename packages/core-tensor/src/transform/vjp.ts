/** Reverse-mode derivatives: pullbacks, gradients, values with gradients. */
import {
  type Schema,
  anyFunction,
  anyList,
  anything,
  check,
  checkOptions,
  show,
} from "../check/index.js";
import { isFloat } from "../array/dtype.js";
import { isNdArray, type ArrayInput } from "../trace/input.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape, sameShape } from "../array/shape.js";
import { DTypeError, DomainError, ShapeError } from "../errors.js";
import { ones, zeros } from "../ops/create.js";
import { asTree } from "../tree/as-tree.js";
import { type Tree, leavesLike, treeFill, treeLeaves } from "../tree/tree.js";
import { Tape } from "./tape.js";

/**
 * The gradient of an argument: arrays in the places of its arrays, constants where it has constants.
 * @category Transforms
 */
export type Gradient<T> = T extends ArrayInput
  ? NdArray
  : T extends object
    ? { [K in keyof T]: Gradient<T[K]> }
    : T;

/**
 * Options of {@link grad} and {@link valueAndGrad}.
 * @category Transforms
 */
export interface GradOptions {
  /** Which arguments to differentiate, counted from 0; a list gives a list of gradients. Default 0. */
  readonly argnums?: number | readonly number[];
}

/** Runs `f` on a tape; only the trees in `variables` are traced. */
function record(
  fn: string,
  f: (...args: never[]) => unknown,
  args: readonly unknown[],
  argnums: readonly number[],
) {
  const tape = new Tape(fn);
  const traced = [...args];
  const variables: { tree: Tree; tracers: ReturnType<Tape["variable"]>[] }[] = argnums.map((k) => {
    const tree = asTree(fn, args[k]);
    const tracers = treeLeaves(tree).map((leaf) => tape.variable(leaf));
    traced[k] = treeFill(tree, tracers);
    return { tree, tracers };
  });
  try {
    const result: unknown = f(...(traced as never[]));
    return { tape, result, variables };
  } finally {
    tape.finished = true;
  }
}

/**
 * The value of a function and its pullback: the map from a cotangent of the output to cotangents of the inputs, $\bar y \mapsto \bar y^\top \partial f$.
 *
 * The pullback may be called many times, also under `vmap`; it holds the intermediate values it needs.
 *
 * @param f - function of trees of arrays to a tree of arrays
 * @param primals - where to differentiate, one per argument of `f`
 * @returns the value, and the pullback, which takes a tree like the value and returns one gradient per argument
 * @throws {@link ShapeError} from the pullback, when the cotangent does not fit the value
 * @example
 * ```ts
 * import { array, square, toNested, vjp } from "@provably/core-tensor";
 *
 * const [y, pullback] = vjp(square, array([1, 2, 3]));
 * toNested(y); // => [1, 4, 9]
 * toNested(pullback(array([1, 1, 10]))[0]); // => [2, 4, 60]
 * ```
 * @see Griewank, Walther (2008), "Evaluating Derivatives", chapter 3.2
 * @category Transforms
 */
export function vjp<Args extends unknown[], Y>(
  f: (...args: Args) => Y,
  ...primals: Args
): [Y, (cotangent: Y) => { [K in keyof Args]: Gradient<Args[K]> }] {
  check("vjp", "f", f, anyFunction);
  const { tape, result, variables } = record(
    "vjp",
    f,
    primals,
    primals.map((_, i) => i),
  );
  const outcome = asTree("vjp", result);
  const outputs = treeLeaves(outcome);
  const value = treeFill(
    outcome,
    outputs.map((y) => tape.value(y)),
  );
  const pullback = (cotangent: Y): { [K in keyof Args]: Gradient<Args[K]> } => {
    const says = "value and cotangent must have the same structure";
    const cts = leavesLike("vjp", says, value, asTree("vjp", cotangent));
    cts.forEach((ct, i) => {
      if (!sameShape(ct.shape, outputs[i]!.shape))
        throw new ShapeError(
          `vjp: cotangent ${i} must have shape ${formatShape(outputs[i]!.shape)}, got ${formatShape(ct.shape)}`,
        );
    });
    return gradients(tape, outputs, cts, variables) as { [K in keyof Args]: Gradient<Args[K]> };
  };
  return [value as Y, pullback];
}

function gradients(
  tape: Tape,
  outputs: readonly NdArray[],
  cts: readonly NdArray[],
  variables: ReturnType<typeof record>["variables"],
): unknown[] {
  const flat = tape.backward(
    outputs,
    cts,
    variables.flatMap((v) => v.tracers),
  );
  let at = 0;
  return variables.map(({ tree, tracers }) =>
    treeFill(
      tree,
      tracers.map((x) => flat[at++] ?? zeros(x.shape, { dtype: x.dtype })),
    ),
  );
}

/**
 * A function that returns the value of `f` together with its gradient.
 *
 * Costs a small multiple of `f` itself, whatever the number of parameters.
 *
 * @param f - function whose result is a single float, or a pair of that and anything else (the auxiliary output, which is passed through)
 * @param options - see {@link GradOptions}
 * @returns function of the same arguments, giving `[value, gradient]`
 * @throws {@link ShapeError} when `f` returns more than one number
 * @example
 * ```ts
 * import { array, item, square, sum, toNested, valueAndGrad } from "@provably/core-tensor";
 *
 * const [value, gradient] = valueAndGrad((x) => sum(square(x)))(array([1, 2]));
 * item(value); // => 5
 * toNested(gradient); // => [2, 4]
 * ```
 * @category Transforms
 */
export function valueAndGrad<Args extends unknown[], V>(
  f: (...args: Args) => V,
  options?: GradOptions & { readonly argnums?: 0 },
): (...args: Args) => [V, Gradient<Args[0]>];
export function valueAndGrad<Args extends unknown[], V, const N extends number>(
  f: (...args: Args) => V,
  options: GradOptions & { readonly argnums: N },
): (...args: Args) => [V, Gradient<Args[N]>];
export function valueAndGrad<Args extends unknown[], V>(
  f: (...args: Args) => V,
  options: GradOptions & { readonly argnums: readonly number[] },
): (...args: Args) => [V, Gradient<Args[number]>[]];
export function valueAndGrad(
  f: (...args: unknown[]) => unknown,
  options: GradOptions = {},
): (...args: unknown[]) => [unknown, unknown] {
  return valueAndGradOf("valueAndGrad", f, options);
}

const GRAD: Schema<GradOptions> = { argnums: anything };

/** The value and the gradient as `fn` gives them. */
export function valueAndGradOf(
  fn: string,
  f: (...args: never[]) => unknown,
  options: GradOptions,
): (...args: unknown[]) => [unknown, unknown] {
  check(fn, "f", f, anyFunction);
  const { argnums = 0 } = checkOptions(fn, options, GRAD);
  const list = typeof argnums === "number" ? [argnums] : check(fn, "argnums", argnums, anyList);
  return (...args) => {
    for (const k of list)
      if (!Number.isInteger(k) || k < 0 || k >= args.length)
        throw new DomainError(
          `${fn}: argnums names argument ${show(k)}, but the function was called with ${args.length}`,
        );
    const { tape, result, variables } = record(fn, f, args, list);
    const output: unknown = Array.isArray(result) ? (result as unknown[])[0] : result;
    const y = checkScalar(fn, output);
    const all = gradients(tape, [y], [ones(y.shape, { dtype: y.dtype })], variables);
    const value = treeFill(
      result,
      treeLeaves(result).map((x) => tape.value(x)),
    );
    return [value, typeof argnums === "number" ? all[0] : all];
  };
}

function checkScalar(fn: string, y: unknown): NdArray {
  if (!isNdArray(y))
    throw new DTypeError(`${fn}: the function must return an array of one float, got ${show(y)}`);
  if (y.size !== 1)
    throw new ShapeError(
      `${fn}: the function must return a single number, got shape ${formatShape(y.shape)}; reduce it with sum or mean, or use vjp`,
    );
  if (!isFloat(y.dtype))
    throw new DTypeError(`${fn}: the function must return a float, got ${y.dtype}`);
  return y;
}

/**
 * A function that returns the gradient $\nabla f$ of a function with a single number as its value.
 *
 * Works on trees: the gradient has the structure of the argument, with an array wherever there is one or what stands for one (a number, a list of numbers, a typed array). Gradients of gradients work, and so do ordinary `if` and `while` on `item(x)`.
 *
 * @param f - function whose result is a single float
 * @param options - see {@link GradOptions}
 * @returns function of the same arguments, giving the gradient
 * @throws {@link ShapeError} when `f` returns more than one number
 * @example
 * ```ts
 * import { grad, item, mul } from "@provably/core-tensor";
 *
 * const cube = (x) => mul(x, mul(x, x));
 * item(grad(cube)(2)); // => 12
 * item(grad(grad(cube))(2)); // => 12
 * ```
 * @category Transforms
 */
export function grad<Args extends unknown[]>(
  f: (...args: Args) => NdArray,
  options?: GradOptions & { readonly argnums?: 0 },
): (...args: Args) => Gradient<Args[0]>;
export function grad<Args extends unknown[], const N extends number>(
  f: (...args: Args) => NdArray,
  options: GradOptions & { readonly argnums: N },
): (...args: Args) => Gradient<Args[N]>;
export function grad<Args extends unknown[]>(
  f: (...args: Args) => NdArray,
  options: GradOptions & { readonly argnums: readonly number[] },
): (...args: Args) => Gradient<Args[number]>[];
export function grad(
  f: (...args: unknown[]) => NdArray,
  options: GradOptions = {},
): (...args: unknown[]) => unknown {
  return gradOf("grad", f, options);
}

/** The gradient as `fn` uses it. */
export function gradOf(
  fn: string,
  f: (...args: never[]) => unknown,
  options: GradOptions = {},
): (...args: unknown[]) => unknown {
  const both = valueAndGradOf(fn, f, options);
  return (...args) => both(...args)[1];
}
