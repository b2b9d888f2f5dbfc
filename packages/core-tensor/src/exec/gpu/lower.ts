/** From graphs to stages: what each primitive is on the device. */
import { sizeOf } from "../../array/shape.js";
import { type DenseArray, rowMajorData } from "../../array/ndarray.js";
import type { DType } from "../../array/dtype.js";
import type { Graph, Node, Value } from "../../compile/graph.js";
import { EXPRESSIONS } from "./expressions.js";
import type { Slot } from "./kernel.js";
import { Given, type Stage, Uniform } from "./stage.js";
import { type ConvAttrs, convolution } from "./stages/conv.js";
import { Elementwise, convert, elementwise } from "./stages/elementwise.js";
import { fold, matmul } from "./stages/folds.js";
import { argsort, cumsum, searchSorted, sort } from "./stages/order.js";
import { Embed, ScatterAdd, Take, TakeAlong, concat } from "./stages/pieces.js";
import { Broadcast, Reshape, Slice, Transpose, type Window } from "./stages/views.js";

type Lowering = (inputs: readonly Stage[], attrs: never, output: Value) => Stage;

/** Primitives that are not elementwise, by name, with the attributes that their files in `ops` document. */
const LOWERINGS: Readonly<Record<string, Lowering>> = {
  astype: ([x], { dtype }: { dtype: DType }) => convert(x!, dtype),
  stopGradient: ([x]) => x!,
  reshape: ([x], { shape }: { shape: readonly number[] }) => reshape(x!, shape),
  transpose: ([x], { axes }: { axes: readonly number[] }) => new Transpose(x!, axes),
  broadcastTo: ([x], { shape }: { shape: readonly number[] }) => new Broadcast(x!, shape),
  slice: ([x], window: Window) => new Slice(x!, window),
  embed: ([x], window: Window, { shape }) => new Embed(x!, window, shape),
  concat: (parts, { axis }: { axis: number }) => concat(parts, axis),
  take: ([x, indices], { axis }: { axis: number }, { shape }) => new Take(x!, indices!, axis, shape),
  takeAlongAxis: ([x, indices], { axis }: { axis: number }) => new TakeAlong(x!, indices!, axis),
  scatterAdd: ([x, indices], { axis }: { axis: number }, { shape }) => new ScatterAdd(x!, indices!, axis, shape),
  scatterAddAlongAxis: ([x, indices], { axis }: { axis: number }, { shape }) => new ScatterAdd(x!, indices!, axis, shape),
  sum: ([x], { axes }: { axes: readonly number[] }, { dtype }) => fold("sum", x!, axes, dtype),
  max: ([x], { axes }: { axes: readonly number[] }, { dtype }) => fold("max", x!, axes, dtype),
  min: ([x], { axes }: { axes: readonly number[] }, { dtype }) => fold("min", x!, axes, dtype),
  argmax: ([x], { axis }: { axis: number }) => fold("argmax", x!, [axis], "int32"),
  argmin: ([x], { axis }: { axis: number }) => fold("argmin", x!, [axis], "int32"),
  logsumexp: ([x], _attrs, { dtype }) => fold("logsumexp", x!, [x!.shape.length - 1], dtype),
  softmax: ([x], _attrs, { dtype }) => new Elementwise("exp", (v, lse) => `Math.exp(${v} - ${lse})`, x!.shape, dtype, [x!, normalizer(x!, dtype)]),
  logSoftmax: ([x], _attrs, { dtype }) => elementwise("sub", x!.shape, dtype, [x!, normalizer(x!, dtype)]),
  cumsum: ([x], { axis }: { axis: number }) => cumsum(x!, axis),
  matmul: ([a, b], _attrs, { shape }) => matmul(a!, b!, shape),
  conv2d: ([p, q], attrs: ConvAttrs, { shape }) => convolution("conv2d", p!, q!, attrs, shape),
  conv2dInputGradient: ([p, q], attrs: ConvAttrs, { shape }) => convolution("conv2dInputGradient", p!, q!, attrs, shape),
  conv2dWeightGradient: ([p, q], attrs: ConvAttrs, { shape }) => convolution("conv2dWeightGradient", p!, q!, attrs, shape),
  sort: ([x], { descending }: { descending: boolean }) => sort(x!, descending),
  argsort: ([x], { descending }: { descending: boolean }) => argsort(x!, descending),
  searchSorted: ([sorted, values], { right }: { right: boolean }) => searchSorted(sorted!, values!, right),
};

/** The logarithm of the sum of exponentials of each row, as a column. */
function normalizer(x: Stage, dtype: DType): Stage {
  return reshape(fold("logsumexp", x, [x.shape.length - 1], dtype), [...x.shape.slice(0, -1), 1]);
}

function reshape(x: Stage, shape: readonly number[]): Stage {
  return new Reshape(x instanceof Reshape ? x.operands[0]! : x, shape);
}

/** Whether the device has a form of the node's primitive. */
export function hasForm(node: Node): boolean {
  const { name } = node.primitive;
  return Object.hasOwn(LOWERINGS, name) || Object.hasOwn(EXPRESSIONS, name);
}

/** The array of a constant in row-major order. */
export interface Constant {
  readonly slot: Slot;
  readonly array: DenseArray;
}

export interface Lowered {
  readonly inputs: readonly Given[];
  readonly outputs: readonly Stage[];
  readonly constants: readonly Constant[];
}

/** The stages of a graph whose primitives all have a form. */
export function lower(graph: Graph): Lowered {
  const stages = new Map<Value, Stage>();
  const constants: Constant[] = [];
  const inputs = graph.inputs.map((x) => new Given(x.shape, x.dtype, { size: sizeOf(x.shape) }));
  graph.inputs.forEach((x, k) => stages.set(x, inputs[k]!));
  const read = (x: Value): Stage => {
    let stage = stages.get(x);
    if (stage === undefined) {
      const array = x.constant!;
      const same = uniform(array);
      if (same !== undefined) stage = new Uniform(x.shape, x.dtype, same);
      else {
        const slot = { size: array.size };
        constants.push({ slot, array });
        stage = new Given(x.shape, x.dtype, slot);
      }
      stages.set(x, stage);
    }
    return stage;
  };
  for (const node of graph.nodes) {
    const operands = node.inputs.map(read);
    node.outputs.forEach((y) => stages.set(y, sizeOf(y.shape) === 0 ? new Uniform(y.shape, y.dtype, 0) : apply(node, operands, y)));
  }
  return { inputs, outputs: graph.outputs.map(read), constants };
}

function apply({ primitive: { name }, attrs }: Node, operands: readonly Stage[], output: Value): Stage {
  // views of one number are that number
  const [x] = operands;
  if (x instanceof Uniform && ["reshape", "transpose", "broadcastTo", "slice", "stopGradient"].includes(name))
    return new Uniform(output.shape, output.dtype, x.value);
  const lowering = LOWERINGS[name];
  return lowering ? lowering(operands, attrs as never, output) : elementwise(name, output.shape, output.dtype, operands);
}

/** The number that fills the whole array, if one does. */
function uniform(array: DenseArray): number | undefined {
  if (array.size === 0) return 0;
  const data = rowMajorData(array);
  const first = data[0]!;
  return !Number.isNaN(first) && data.every((v) => v === first) ? first : undefined;
}
