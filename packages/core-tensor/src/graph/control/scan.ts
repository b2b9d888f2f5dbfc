/** Loops of a fixed number of steps. */
import { isFloat } from "../../array/dtype.js";
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
import { add } from "../../ops/arithmetic.js";
import { broadcastTo } from "../../ops/broadcast.js";
import { stack } from "../../ops/join.js";
import { moveAxis, reshape } from "../../ops/reshape.js";
import { slice } from "../../ops/slice.js";
import { bind } from "../../trace/bind.js";
import type { Primitive } from "../../trace/primitive.js";
import { vmap } from "../../transform/vmap.js";
import { asTree } from "../../tree/as-tree.js";
import { leavesLike, treeFill, treeLeaves } from "../../tree/tree.js";
import { type Graph, applyGraph } from "../graph.js";
import { interpreter } from "../interpret.js";
import { isTracing, traceGraph } from "../trace.js";
import {
  avalOf,
  checkSame,
  floatOutputs,
  graphOf,
  pullGraph,
  pushGraph,
  template,
  zerosOf,
} from "./body.js";

/**
 * Attributes of the primitive `scan`. Inputs are the carry, the stacked arrays `[length, …]` and constants of the loop, in this order;
 * outputs are the last carry and the stacked results. `body` takes the carry, one slice of each stacked array, and the constants.
 */
export interface ScanAttrs {
  readonly body: Graph;
  readonly numCarry: number;
  readonly numStacked: number;
  readonly length: number;
  /** Last slice first; results keep the place of their slice. */
  readonly reverse: boolean;
}

/** Slice `t` of the leading axis. */
function row(x: NdArray, t: number): NdArray {
  return reshape(slice(x, [t], [t + 1]), x.shape.slice(1));
}

export const scanPrimitive: Primitive<ScanAttrs> = {
  name: "scan",
  shape(_inputs, { body, numCarry, length }) {
    return body.outputs.map(({ shape, dtype }, k) => ({
      dtype,
      shape: k < numCarry ? shape : [length, ...shape],
    }));
  },
  evaluate(inputs, attrs) {
    const program = interpreter(attrs.body);
    // slices and stacks of dense arrays are dense
    return loop(inputs, attrs, (all) => program.run(all));
  },
  derivative: {
    kind: "rules",
    jvp({ inputs, tangents, attrs }) {
      const { body, numCarry, numStacked, length, reverse } = attrs;
      const isCarry = (i: number): boolean => i < numCarry;
      // every float of the carry moves, and what comes in moving
      const moving = inputs.flatMap((x, i) =>
        isFloat(x.dtype) && (isCarry(i) || tangents[i] !== undefined) ? [i] : [],
      );
      const part = (from: number, to: number): number[] =>
        moving.filter((i) => i >= from && i < to);
      const groups = [
        part(0, numCarry),
        part(numCarry, numCarry + numStacked),
        part(numCarry + numStacked, inputs.length),
      ] as const;
      const floats = floatOutputs(body);
      const carried = floats.filter(isCarry).length;
      // carry, its tangents, stacked, their tangents, constants, their tangents
      const order = [
        ...range(0, numCarry),
        ...groups[0].map((i) => inputs.length + i),
        ...range(numCarry, numCarry + numStacked),
        ...groups[1].map((i) => inputs.length + i),
        ...range(numCarry + numStacked, inputs.length),
        ...groups[2].map((i) => inputs.length + i),
      ];
      const avals = order.map((i) => avalOf(body.inputs[i % inputs.length]!));
      const moved = graphOf("scan", avals, (arrays) => {
        const primal = range(0, inputs.length).map((i) => arrays[order.indexOf(i)]!);
        const along = moving.map((i) => arrays[order.indexOf(inputs.length + i)]!);
        const run = pushGraph(body, primal, moving, along);
        const [carry, rest] = [run.outputs.slice(0, numCarry), run.outputs.slice(numCarry)];
        return [
          ...carry,
          ...run.tangents.slice(0, carried),
          ...rest,
          ...run.tangents.slice(carried),
        ];
      });
      const all = order.map((i) =>
        i < inputs.length
          ? inputs[i]!
          : (tangents[i - inputs.length] ?? zerosOf(inputs[i - inputs.length]!)),
      );
      const outputs = bind(scanPrimitive, all, {
        body: moved,
        numCarry: numCarry + groups[0].length,
        numStacked: numStacked + groups[1].length,
        length,
        reverse,
      });
      const numResults = body.outputs.length - numCarry;
      return body.outputs.map((_, k) => {
        const at = floats.indexOf(k);
        if (at < 0) return undefined;
        return isCarry(k)
          ? outputs[numCarry + at]
          : outputs[numCarry + carried + numResults + at - carried];
      });
    },
    record(inputs, attrs) {
      const { body, numCarry } = attrs;
      const kept: Graph = {
        ...body,
        outputs: [...body.outputs, ...body.inputs.slice(0, numCarry)],
      };
      const all = bind(scanPrimitive, inputs, { ...attrs, body: kept });
      return {
        outputs: all.slice(0, body.outputs.length),
        residuals: all.slice(body.outputs.length),
      };
    },
    vjp({ inputs, outputs, cotangents, attrs, needed, residuals }) {
      const { body, numCarry, numStacked, length, reverse } = attrs;
      const numInputs = inputs.length;
      const firstConstant = numCarry + numStacked;
      const carry = range(0, numCarry).filter((i) => isFloat(inputs[i]!.dtype));
      const stacked = range(numCarry, firstConstant).filter((i) => needed[i]);
      const constants = range(firstConstant, numInputs).filter((i) => needed[i]);
      const floats = floatOutputs(body);
      const results = floats.filter((k) => k >= numCarry);
      const moving = [...carry, ...stacked, ...constants];
      // carried: cotangents of the carry and of the constants. Stacked: carries, slices, cotangents of the results.
      const avals = [
        ...carry.map((i) => avalOf(body.inputs[i]!)),
        ...constants.map((i) => avalOf(body.inputs[i]!)),
        ...range(0, firstConstant).map((i) => avalOf(body.inputs[i]!)),
        ...results.map((k) => avalOf(body.outputs[k]!)),
        ...range(firstConstant, numInputs).map((i) => avalOf(body.inputs[i]!)),
      ];
      const backward = graphOf("scan", avals, (arrays) => {
        let at = 0;
        const next = (count: number): NdArray[] => arrays.slice(at, (at += count));
        const [fromCarry, sums, primal, fromResults, rest] = [
          next(carry.length),
          next(constants.length),
          next(firstConstant),
          next(results.length),
          next(numInputs - firstConstant),
        ];
        const pulled = pullGraph(body, [...primal, ...rest], moving, [
          ...fromCarry,
          ...fromResults,
        ]);
        const [toCarry, toStacked, toConstants] = [
          pulled.slice(0, carry.length),
          pulled.slice(carry.length, carry.length + stacked.length),
          pulled.slice(carry.length + stacked.length),
        ];
        return [...toCarry, ...toConstants.map((ct, i) => add(sums[i]!, ct)), ...toStacked];
      });
      const ct = (k: number): NdArray => cotangents[k] ?? zerosOf(outputs[k]!);
      const all = bind(
        scanPrimitive,
        [
          ...carry.map(ct),
          ...constants.map((i) => zerosOf(inputs[i]!)),
          ...residuals,
          ...inputs.slice(numCarry, firstConstant),
          ...results.map(ct),
          ...inputs.slice(firstConstant),
        ],
        {
          body: backward,
          numCarry: carry.length + constants.length,
          numStacked: firstConstant + results.length,
          length,
          reverse: !reverse,
        },
      );
      const order = [...carry, ...constants, ...stacked];
      return inputs.map((_, i) => (order.includes(i) ? all[order.indexOf(i)] : undefined));
    },
  },
  batching: {
    kind: "rule",
    rule(inputs, batched, attrs, batchSize) {
      const { body, numCarry, numStacked } = attrs;
      const firstConstant = numCarry + numStacked;
      // once anything varies with the member, so may the carry
      const all = inputs.map((x, i) => {
        if (i < numCarry) return batched[i] ? x : broadcastTo(x, [batchSize, ...x.shape]);
        return i < firstConstant && batched[i] ? moveAxis(x, 0, 1) : x;
      });
      const axes = inputs.map((_, i) => (i < numCarry || batched[i] ? 0 : null));
      const avals = body.inputs.map(({ dtype, shape }, i) => ({
        dtype,
        shape: axes[i] === 0 ? [batchSize, ...shape] : shape,
      }));
      const wide = graphOf("scan", avals, (arrays) =>
        vmap((...members: NdArray[]) => applyGraph(body, members), { inAxes: axes })(...arrays),
      );
      return bind(scanPrimitive, all, { ...attrs, body: wide }).map((y, k) =>
        k < numCarry ? y : moveAxis(y, 1, 0),
      );
    },
  },
};

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** Runs the body once for each slice. */
function loop(
  inputs: readonly NdArray[],
  attrs: ScanAttrs,
  run: (inputs: NdArray[]) => NdArray[],
): NdArray[] {
  const { body, numCarry, numStacked, length, reverse } = attrs;
  let carry = inputs.slice(0, numCarry);
  const stacked = inputs.slice(numCarry, numCarry + numStacked);
  const constants = inputs.slice(numCarry + numStacked);
  const rows: NdArray[][] = new Array<NdArray[]>(length);
  for (let i = 0; i < length; i++) {
    const t = reverse ? length - 1 - i : i;
    const outputs = run([...carry, ...stacked.map((x) => row(x, t)), ...constants]);
    carry = outputs.slice(0, numCarry);
    rows[t] = outputs.slice(numCarry);
  }
  const results = body.outputs
    .slice(numCarry)
    .map(({ dtype, shape }, k) =>
      length === 0 ? zerosOf({ dtype, shape: [0, ...shape] }) : stack(rows.map((r) => r[k]!)),
    );
  return [...carry, ...results];
}

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
