/** From graphs to stages: what each primitive is on the device. */
import { sameShape, sizeOf } from "../../array/shape.js";
import { type DenseArray, rowMajorData } from "../../array/ndarray.js";
import type { DType } from "../../array/dtype.js";
import type { CondAttrs } from "../../graph/control/cond.js";
import type { ScanAttrs } from "../../graph/control/scan-primitive.js";
import { type Graph, type Node, type Value, graphsInside } from "../../graph/graph.js";
import { scalar } from "../../trace/input.js";
import { written } from "../../forms/device.js";
import { subPrimitive } from "../../ops/arithmetic.js";
import { wherePrimitive } from "../../ops/comparison.js";
import type { Slot } from "./kernel.js";
import { Given, type Stage, Uniform } from "./stage.js";
import { type ConvAttrs, convolution } from "./stages/conv.js";
import { Elementwise, Filled, convert, elementwise } from "./stages/elementwise.js";
import { fold, matmul } from "./stages/folds.js";
import { argsort, cumsum, searchSorted, sort } from "./stages/order.js";
import { DynamicSlice, DynamicUpdateSlice } from "./stages/block.js";
import { Embed, Stacked, concat } from "./stages/join.js";
import { ScatterAdd, Take, TakeAlong } from "./stages/pick.js";
import { WeightedSum } from "./stages/weighted-sum.js";
import { Broadcast, Reshape, Row, Slice, Transpose, type Window } from "./stages/views.js";

type Lowering = (inputs: readonly Stage[], attrs: never, output: Value) => Stage;

/** Primitives that are not elementwise, by name, with the attributes that their files in `ops` document. */
const LOWERINGS: Readonly<Record<string, Lowering>> = {
  asType: ([x], { dtype }: { dtype: DType }) => convert(x!, dtype),
  stopGradient: ([x]) => x!,
  barrier: ([x]) => x!,
  reshape: ([x], { shape }: { shape: readonly number[] }) => reshape(x!, shape),
  transpose: ([x], { axes }: { axes: readonly number[] }) => new Transpose(x!, axes),
  broadcastTo: ([x], { shape }: { shape: readonly number[] }) => new Broadcast(x!, shape),
  slice: ([x], window: Window) => new Slice(x!, window),
  embed: ([x], window: Window, { shape }) => new Embed(x!, window, shape),
  concat: (parts, { axis }: { axis: number }) => concat(parts, axis),
  take: ([x, indices], { axis }: { axis: number }, { shape }) =>
    new Take(x!, indices!, axis, shape),
  takeAlongAxis: ([x, indices], { axis }: { axis: number }) => new TakeAlong(x!, indices!, axis),
  dynamicSlice: ([x, start], { size }: { size: readonly number[] }, { shape }) =>
    new DynamicSlice(x!, start!, size, shape),
  dynamicUpdateSlice: ([x, update, start], { size }: { size: readonly number[] }) =>
    sizeOf(update!.shape) === 0 ? x! : new DynamicUpdateSlice(x!, update!, start!, size),
  scatterAdd: ([x, indices], { axis }: { axis: number }, { shape }) =>
    new ScatterAdd(x!, indices!, axis, shape),
  scatterAddAlongAxis: ([x, indices], { axis }: { axis: number }, { shape }) =>
    new ScatterAdd(x!, indices!, axis, shape),
  sum: ([x], { axes }: { axes: readonly number[] }, { dtype }) => fold("sum", x!, axes, dtype),
  max: ([x], { axes }: { axes: readonly number[] }, { dtype }) => fold("max", x!, axes, dtype),
  min: ([x], { axes }: { axes: readonly number[] }, { dtype }) => fold("min", x!, axes, dtype),
  argmax: ([x], { axis }: { axis: number }) => fold("argmax", x!, [axis], "int32"),
  argmin: ([x], { axis }: { axis: number }) => fold("argmin", x!, [axis], "int32"),
  logSumExp: ([x], _attrs, { dtype }) => fold("logSumExp", x!, [x!.shape.length - 1], dtype),
  softmax: ([x], _attrs, { dtype }) => new Softmax(x!, dtype),
  logSoftmax: ([x], _attrs, { dtype }) =>
    elementwise(subPrimitive, x!.shape, dtype, [x!, normalizer(x!, dtype)]),
  cumsum: ([x], { axis }: { axis: number }) => cumsum(x!, axis),
  conv2d: ([p, q], attrs: ConvAttrs, { shape }) => convolution("conv2d", p!, q!, attrs, shape),
  conv2dInputGradient: ([p, q], attrs: ConvAttrs, { shape }) =>
    convolution("conv2dInputGradient", p!, q!, attrs, shape),
  conv2dWeightGradient: ([p, q], attrs: ConvAttrs, { shape }) =>
    convolution("conv2dWeightGradient", p!, q!, attrs, shape),
  sort: ([x], { descending }: { descending: boolean }) => sort(x!, descending),
  argsort: ([x], { descending }: { descending: boolean }) => argsort(x!, descending),
  searchSorted: ([sorted, values], { right }: { right: boolean }) =>
    searchSorted(sorted!, values!, right),
};

/** Exponentials of the distance to the logarithm of their sum; a product may take the scores themselves. */
class Softmax extends Elementwise {
  constructor(
    readonly scores: Stage,
    dtype: DType,
  ) {
    const form = written({ expression: (v, lse) => `Math.exp(${v} - ${lse})` });
    super("exp", form, scores.shape, dtype, [scores, normalizer(scores, dtype)]);
  }
}

/** A product with weights that would take too much memory sums as it computes them. */
function product(a: Stage, b: Stage, output: Value, storedScores: number): Stage {
  const aligned = sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return a instanceof Softmax && aligned && a.size > storedScores
    ? new WeightedSum(a.scores, b, output.shape, output.dtype)
    : matmul(a, b, output.shape);
}

/** The logarithm of the sum of exponentials of each row, as a column. */
function normalizer(x: Stage, dtype: DType): Stage {
  return reshape(fold("logSumExp", x, [x.shape.length - 1], dtype), [...x.shape.slice(0, -1), 1]);
}

function reshape(x: Stage, shape: readonly number[]): Stage {
  return new Reshape(x instanceof Reshape ? x.operands[0]! : x, shape);
}

/** Primitives that are lowered by a rule of their own. */
const STRUCTURED = new Set(["scan", "cond", "matmul"]);

/** Names of the primitives that have no form on a device, in the order in which they occur. */
export function withoutForm(graph: Graph): string[] {
  const missing = new Set<string>();
  for (const node of graph.nodes) {
    const { name, elementwise: pointwise } = node.primitive;
    if (pointwise === undefined && !Object.hasOwn(LOWERINGS, name) && !STRUCTURED.has(name))
      missing.add(name);
    else
      for (const body of graphsInside(node))
        for (const deeper of withoutForm(body)) missing.add(deeper);
  }
  return [...missing];
}

/** The array of a constant in row-major order. */
export interface Constant {
  readonly slot: Slot;
  readonly array: DenseArray;
}

export interface LoweredGraph {
  readonly inputs: readonly Given[];
  readonly outputs: readonly Stage[];
  readonly constants: readonly Constant[];
  /** Stages to be kept in memory: states between steps of loops, so that each step has the same kernels. */
  readonly kept: ReadonlySet<Stage>;
}

/** The stages of a graph whose primitives all have a form; attention weights of more than `storedScores` elements are not stored. */
export function lower(graph: Graph, storedScores = Infinity): LoweredGraph {
  const inputs = graph.inputs.map((x) => new Given(x.shape, x.dtype, { size: sizeOf(x.shape) }));
  const lowering = new LoweringRun(storedScores);
  return {
    inputs,
    outputs: lowering.graph(graph, inputs),
    constants: lowering.constants,
    kept: lowering.kept,
  };
}

class LoweringRun {
  readonly constants: Constant[] = [];
  readonly kept = new Set<Stage>();
  private readonly known = new Map<Value, Stage>();

  constructor(private readonly storedScores: number) {}

  /** Outputs of a graph for these inputs. */
  graph(graph: Graph, inputs: readonly Stage[]): Stage[] {
    const stages = new Map<Value, Stage>();
    graph.inputs.forEach((x, k) => stages.set(x, inputs[k]!));
    const read = (x: Value): Stage => stages.get(x) ?? this.constant(x);
    for (const node of graph.nodes) {
      const operands = node.inputs.map(read);
      this.node(node, operands).forEach((y, k) => stages.set(node.outputs[k]!, y));
    }
    return graph.outputs.map(read);
  }

  private constant(x: Value): Stage {
    let stage = this.known.get(x);
    if (stage === undefined) {
      const array = x.constant!;
      const same = uniform(array);
      if (same !== undefined) stage = new Uniform(x.shape, x.dtype, same);
      else {
        const slot = { size: array.size };
        this.constants.push({ slot, array });
        stage = new Given(x.shape, x.dtype, slot);
      }
      this.known.set(x, stage);
    }
    return stage;
  }

  private node(node: Node, operands: readonly Stage[]): readonly Stage[] {
    if (node.primitive.name === "scan") return this.scan(operands, node.attrs as ScanAttrs);
    if (node.primitive.name === "cond") return this.choice(operands, node.attrs as CondAttrs);
    const [out] = node.outputs as [Value];
    if (node.primitive.name === "matmul" && sizeOf(out.shape) > 0)
      return [product(operands[0]!, operands[1]!, out, this.storedScores)];
    return node.outputs.map((y) =>
      sizeOf(y.shape) === 0 ? new Uniform(y.shape, y.dtype, 0) : apply(node, operands, y),
    );
  }

  /** A loop, one step after the other: a device's program has no loops of its own. */
  private scan(
    operands: readonly Stage[],
    { body, numCarry, numStacked, length, reverse }: ScanAttrs,
  ): Stage[] {
    // a state that is a number at first becomes an array, so that the first step has the kernels of all others
    let carry = operands
      .slice(0, numCarry)
      .map((x) => (x instanceof Uniform && x.size > 0 ? this.keep(new Filled(x)) : x));
    const stacked = operands.slice(numCarry, numCarry + numStacked);
    const constants = operands.slice(numCarry + numStacked);
    const rows: Stage[][] = new Array<Stage[]>(length);
    for (let i = 0; i < length; i++) {
      const t = reverse ? length - 1 - i : i;
      const outputs = this.graph(body, [...carry, ...stacked.map((x) => row(x, t)), ...constants]);
      for (const y of outputs) this.keep(y);
      carry = outputs.slice(0, numCarry);
      rows[t] = outputs.slice(numCarry);
    }
    const results = body.outputs
      .slice(numCarry)
      .map(({ dtype, shape }, k) =>
        length === 0 || sizeOf(shape) === 0
          ? new Uniform([length, ...shape], dtype, 0)
          : new Stacked(rows.map((r) => r[k]!)),
      );
    return [...carry, ...results];
  }

  private keep(x: Stage): Stage {
    this.kept.add(x);
    return x;
  }

  /** Both branches, and the choice for each element. */
  private choice([predicate, ...operands]: readonly Stage[], { yes, no }: CondAttrs): Stage[] {
    const [a, b] = [this.graph(yes, operands), this.graph(no, operands)];
    return a.map((x, k) =>
      x.size === 0 ? x : elementwise(wherePrimitive, x.shape, x.dtype, [predicate!, x, b[k]!]),
    );
  }
}

function row(x: Stage, index: number): Stage {
  const shape = x.shape.slice(1);
  if (x instanceof Uniform || sizeOf(shape) === 0)
    return new Uniform(shape, x.dtype, x instanceof Uniform ? x.value : 0);
  return x instanceof Stacked ? x.rows[index]! : new Row(x, index);
}

function apply({ primitive, attrs }: Node, operands: readonly Stage[], output: Value): Stage {
  const { name, elementwise: pointwise } = primitive;
  // views of one number are that number
  const [x] = operands;
  if (
    x instanceof Uniform &&
    ["reshape", "transpose", "broadcastTo", "slice", "stopGradient"].includes(name)
  )
    return new Uniform(output.shape, output.dtype, x.value);
  if (
    operands.length > 0 &&
    operands.every((y) => y instanceof Uniform) &&
    pointwise !== undefined
  ) {
    // shaders refuse constant expressions such as 0 / 0
    const scalars = operands.map((y) => scalar(y.value, y.dtype));
    const [y] = primitive.evaluate(scalars, attrs, [{ shape: [], dtype: output.dtype }]);
    return new Uniform(output.shape, output.dtype, y!.storage[y!.offset]!);
  }
  return pointwise !== undefined
    ? elementwise({ name, elementwise: pointwise }, output.shape, output.dtype, operands)
    : LOWERINGS[name]!(operands, attrs as never, output);
}

/** The number that fills the whole array, if one does. */
function uniform(array: DenseArray): number | undefined {
  if (array.size === 0) return 0;
  const data = rowMajorData(array);
  const first = data[0]!;
  return !Number.isNaN(first) && data.every((v) => v === first) ? first : undefined;
}
