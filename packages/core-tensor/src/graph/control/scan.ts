/** Loops of a fixed number of steps. */
import type { NdArray } from "../../array/ndarray.js";
import { MAX_SIZE, checkSize } from "../../array/shape.js";
import {
  type Schema,
  anyFunction,
  anything,
  check,
  checkOptions,
  show,
  trueOrFalse,
} from "../../check/index.js";
import { DomainError, ShapeError } from "../../errors.js";
import { stack } from "../../ops/join.js";
import { bind } from "../../trace/bind.js";
import { asTree } from "../../tree/as-tree.js";
import { leavesLike, treeFill, treeLeaves } from "../../tree/tree.js";
import { isTracing, traceGraph } from "../trace.js";
import { checkSame, template, zerosOf } from "./body.js";
import { row, scanPrimitive } from "./scan-primitive.js";

/**
 * Options of {@link scan}.
 * @category Control flow
 */
export interface ScanOptions {
  /** Number of steps; default the extent of the first axis of the arrays in `xs`, and needed when there are none. */
  readonly length?: number;
  /** Go from the last slice to the first; results stand where their slices do. Default false. */
  readonly reverse?: boolean;
}

const SCAN: Schema<ScanOptions> = { length: anything, reverse: trueOrFalse };

/**
 * A loop that carries a state along and collects one result a step: $(c_{t+1}, y_t) = f(c_t, x_t)$.
 *
 * Inside {@link compile} the loop stays a loop: `f` is traced once, whatever the number of steps, and gradients run it backwards,
 * computing each step anew from its stored state. Elsewhere it is an ordinary loop over `f`.
 *
 * @param f - one step: the state and one slice of each array in `xs`, to the next state and a result, trees of arrays
 * @param init - $c_0$; later states keep its structure, shapes and types
 * @param xs - tree of arrays with the steps on their first axis, or null
 * @param options - see {@link ScanOptions}
 * @returns the last state, and the results stacked on a new first axis
 * @throws `ShapeError` when a step changes the shape of the state, or arrays in `xs` disagree on the number of steps
 * @example
 * ```ts
 * import { add, array, mul, toNested } from "@provably/core-tensor";
 * import { scan } from "@provably/core-tensor/compile";
 *
 * const [last, all] = scan((c, x) => [add(mul(0.5, c), x), c], array(0), array([1, 1, 1]));
 * toNested(last); // => 1.75
 * toNested(all); // => [0, 1, 1.5]
 * ```
 * @category Control flow
 */
export function scan<C, X, Y>(
  f: (carry: C, x: X) => [C, Y],
  init: C,
  xs: X,
  options: ScanOptions = {},
): [C, Y] {
  check("scan", "f", f, anyFunction);
  checkOptions("scan", options, SCAN);
  const start = asTree("scan", init) as C;
  const slices = asTree("scan", xs) as X;
  const carry = treeLeaves(start);
  const stacked = treeLeaves(slices);
  for (const x of stacked)
    if (x.shape.length === 0)
      throw new ShapeError("scan: arrays in xs must have an axis of steps, got a single number");
  const length = options.length ?? stacked[0]?.shape[0];
  const { reverse = false } = options;
  if (length === undefined || !Number.isInteger(length) || length < 0 || length > MAX_SIZE)
    throw new DomainError(
      `scan: length must be an integer from 0 to 2^31 - 1 where xs holds no array, got ${show(length)}`,
    );
  for (const x of stacked)
    if (x.shape[0] !== length)
      throw new ShapeError(`scan: all arrays in xs must have ${length} steps, got ${x.shape[0]}`);
  if (!isTracing()) return run(f, start, slices, length, reverse);
  const oneSlice = treeFill(
    slices,
    stacked.map((x) => template(x.dtype, x.shape.slice(1))),
  );
  const { graph, result, captures } = traceGraph(stepOf(f, start), [start, oneSlice], "scan");
  const [after, results] = result as [NdArray[], Y];
  checkSame("scan", "the state", after, carry);
  const attrs = {
    body: graph,
    numCarry: carry.length,
    numStacked: stacked.length,
    length,
    reverse,
  };
  const outputs = bind(scanPrimitive, [...carry, ...stacked, ...captures], attrs);
  return [
    treeFill(start, outputs.slice(0, carry.length)),
    treeFill(results, outputs.slice(carry.length)),
  ];
}

/** One step with the arrays of the next state in the order of `like`, and its result. */
function stepOf<C, X, Y>(f: (carry: C, x: X) => [C, Y], like: C): (c: C, x: X) => [NdArray[], Y] {
  return (carry, x) => {
    const pair: unknown = f(carry, x);
    if (!Array.isArray(pair) || pair.length !== 2)
      throw new DomainError("scan: a step must return a pair of the next state and a result");
    const [after, result] = pair.map((part) => asTree("scan", part));
    return [leavesLike("scan", "the state must keep its structure", like, after), result as Y];
  };
}

function run<C, X, Y>(
  f: (carry: C, x: X) => [C, Y],
  init: C,
  xs: X,
  length: number,
  reverse: boolean,
): [C, Y] {
  const stacked = treeLeaves(xs);
  const step = stepOf(f, init);
  let carry = init;
  const results = new Array<Y>(length);
  for (let i = 0; i < length; i++) {
    const t = reverse ? length - 1 - i : i;
    const [after, result] = step(
      carry,
      treeFill(
        xs,
        stacked.map((x) => row(x, t)),
      ),
    );
    checkSame("scan", "the state", after, treeLeaves(carry));
    if (i === 0) for (const { shape } of treeLeaves(result)) checkSize("scan", [length, ...shape]);
    carry = treeFill(init, after);
    results[t] = result;
  }
  if (length === 0) {
    const oneSlice = treeFill(
      xs,
      stacked.map((x) => template(x.dtype, x.shape.slice(1))),
    );
    const { result } = traceGraph(step, [init, oneSlice], "scan");
    const [, empty] = result as [NdArray[], Y];
    return [
      init,
      treeFill(
        empty,
        treeLeaves(empty).map(({ dtype, shape }) => zerosOf({ dtype, shape: [0, ...shape] })),
      ),
    ];
  }
  const says = "the results of all steps must have one structure";
  const columns = results.map((y) => leavesLike("scan", says, results[0], y));
  return [
    carry,
    treeFill(
      results[0]!,
      columns[0]!.map((_, k) => stack(columns.map((leaves) => leaves[k]!))),
    ),
  ];
}
