/** From a graph to a list of kernel calls: every value gets a place, every unit one or more steps. */
import { sizeOf, broadcastStrides } from "../../array/shape.js";
import type { DType } from "../../array/dtype.js";
import { DenseArray } from "../../array/ndarray.js";
import type { Graph, Node, Value } from "../graph.js";
import { SIZES, type Unit, isWide, readersOf, resultsOf, unitsOf } from "../plan/group.js";
import { type Buffer, type Place, byteOffset, isDense, rowMajorPlace, viewOf } from "../plan/place.js";
import { simplify, uniformValue } from "../simplify.js";
import { lowerConv } from "./conv.js";
import { EXPRESSIONS, POWERS, WITHOUT_EXPRESSION, power } from "./expressions.js";
import { type FusedResult, type Reduction, fuse } from "./fused.js";
import { type FusedFunction, loadFused } from "./load.js";
import { type Constant, type Lowered, type Machine, type Step, copyInto, viewAt, write } from "./machine.js";
import { lowerBlocks } from "./blocks.js";
import { lowerMatmul } from "./matmul.js";
import { Micro, type Ref, laneOf } from "./micro.js";
import { lowerControl } from "./routine.js";
import { lowerColumns, lowerSoftmax } from "./rows.js";
import { type Store, aligned } from "./store.js";

const REDUCTIONS: ReadonlySet<string> = new Set(["sum", "max", "min"]);

function isTrailing(axes: readonly number[], rank: number): boolean {
  return axes.length > 0 && axes.every((axis, i) => axis === rank - axes.length + i);
}

/** Loops over fewer elements run on one thread. */
const PARALLEL_ELEMENTS = 1 << 16;

export class Lowering {
  readonly steps: Step[] = [];
  readonly buffers: Buffer[] = [];
  readonly constants: Constant[] = [];
  private readonly places = new Map<Value, Place>();

  /** `external` tells which inputs lie in memory already. */
  constructor(
    readonly store: Store,
    readonly graph: Graph,
    private readonly external: readonly boolean[] = [],
    readonly threads = 1,
  ) {}

  lower(): Lowered {
    const readers = readersOf(this.graph);
    const outputs = new Set(this.graph.outputs);
    this.graph.inputs.forEach((x, i) => {
      if (!readers.has(x) && !outputs.has(x)) return;
      const buffer = this.buffer(this.external[i] ? "external" : "arena", x.dtype, sizeOf(x.shape));
      this.places.set(x, rowMajorPlace(buffer, x.dtype, x.shape));
    });
    for (const unit of unitsOf(this.graph, { elementwise: isFusible, reduction: isFusedReduction })) {
      if (unit.nodes.every((node) => node.outputs.every((y) => sizeOf(y.shape) === 0))) this.placeEmpty(unit);
      else if (unit.space !== undefined) this.fused(unit, unit.space, resultsOf(unit, readers, outputs));
      else this.single(unit.nodes[0]!);
    }
    const places = this.graph.outputs.map((y) => this.place(y));
    const { steps, buffers, constants } = this;
    return { steps, buffers, constants, inputs: this.graph.inputs.map((x) => this.places.get(x)), outputs: places };
  }

  buffer(kind: Buffer["kind"], dtype: DType, size: number): Buffer {
    const buffer: Buffer = { id: this.buffers.length, kind, bytes: size * SIZES[dtype] };
    this.buffers.push(buffer);
    return buffer;
  }

  /** A fresh row-major place. */
  fresh(dtype: DType, shape: readonly number[]): Place {
    return rowMajorPlace(this.buffer("arena", dtype, sizeOf(shape)), dtype, shape);
  }

  /** Working memory of one step. */
  work(bytes: number): Buffer {
    return this.buffer("arena", "uint8", bytes);
  }

  place(x: Value): Place {
    let place = this.places.get(x);
    if (place === undefined) this.places.set(x, (place = this.constantPlace(x)));
    return place;
  }

  set(x: Value, place: Place): void {
    this.places.set(x, place);
  }

  step(step: Omit<Step, "nodes"> & { readonly nodes?: readonly Node[] }): void {
    this.steps.push({ nodes: [], ...step });
  }

  private constantPlace(x: Value): Place {
    const array = x.constant!;
    const { dtype, shape } = array;
    // repeated elements are stored once
    const repeats = array.stride.map((s, i) => s === 0 && shape[i] !== 1);
    const stored = shape.map((extent, i) => (repeats[i] ? 1 : extent));
    const buffer = this.buffer("constant", dtype, sizeOf(stored));
    const elements = new DenseArray<DType>(array.data, dtype, stored, array.stride, array.offset, sizeOf(stored));
    this.keep(buffer, (machine, address) => {
      copyInto(elements, machine.store.views[dtype], address / SIZES[dtype]);
    });
    const dense = rowMajorPlace(buffer, dtype, stored);
    return { ...dense, shape, stride: dense.stride.map((s, i) => (repeats[i] ? 0 : s)) };
  }

  /** A constant list of integers. */
  table(elements: Int32Array): Buffer {
    const buffer = this.buffer("constant", "int32", elements.length);
    this.keep(buffer, ({ store }, address) => {
      store.views.int32.set(elements, address / 4);
    });
    return buffer;
  }

  /** A constant buffer, filled when the program is placed in memory. */
  private keep(buffer: Buffer, fill: (machine: Machine, address: number) => void): void {
    this.constants.push({
      bytes: buffer.bytes,
      place(machine, address) {
        machine.address[buffer.id] = address;
        fill(machine, address);
      },
    });
  }

  /** The graph of a function inside control flow, lowered by itself; all its inputs lie in memory. */
  nested(graph: Graph): Lowered {
    return new Lowering(
      this.store,
      simplify(graph),
      graph.inputs.map(() => true),
      this.threads,
    ).lower();
  }

  /** Takes over the constants of a routine, which has a machine of its own. */
  adopt(routine: { readonly lowered: Lowered; readonly machine: Machine }): void {
    for (const { bytes, place } of routine.lowered.constants)
      this.constants.push({
        bytes,
        place: (_machine, address) => {
          place(routine.machine, address);
        },
      });
  }

  private placeEmpty(unit: Unit): void {
    for (const node of unit.nodes) for (const y of node.outputs) this.set(y, this.fresh(y.dtype, y.shape));
  }

  private single(node: Node): void {
    const inputs = node.inputs.map((x) => this.place(x));
    if (node.outputs.length === 1 && inputs.length === 1) {
      const view = viewOf(node, inputs[0]!);
      if (view !== undefined) return this.set(node.outputs[0]!, view);
      if (node.primitive.name === "reshape")
        return this.set(node.outputs[0]!, {
          ...this.dense(inputs[0]!),
          shape: node.outputs[0]!.shape,
          stride: this.fresh(inputs[0]!.dtype, node.outputs[0]!.shape).stride,
        });
    }
    if (lowerControl(this, node, inputs) || lowerBlocks(this, node, inputs)) return;
    if (lowerConv(this, node, inputs)) return;
    if (lowerMatmul(this, node, inputs) || lowerSoftmax(this, node, inputs) || lowerColumns(this, node, inputs)) return;
    this.detour(node, inputs);
  }

  /** The same elements in row-major order, copied if need be. */
  dense(place: Place): Place {
    if (isDense(place)) return place;
    const out = this.fresh(place.dtype, place.shape);
    this.copy(place, out, "copy", []);
    return out;
  }

  /** Copies elements to a place of the same shape, and writes not a byte around them. */
  copy(from: Place, to: Place, label: string, nodes: readonly Node[]): void {
    const micro = new Micro();
    const step = micro.operand(0, laneOf(from.dtype)).id;
    this.call(label, from.shape, [from], [{ place: to, result: { dtype: from.dtype, step, stride: to.stride, exact: true } }], micro, nodes);
  }

  private fused(unit: Unit, space: readonly number[], results: readonly Value[]): void {
    const micro = new Micro();
    const refs = new Map<Value, Ref>();
    const operands: Place[] = [];
    const wide = unit.nodes.some(isWide);
    const read = (x: Value): Ref => {
      let ref = refs.get(x);
      if (ref !== undefined) return ref;
      const value = uniformValue(x);
      const lane = laneOf(x.dtype);
      if (value !== undefined && !(wide && x.dtype !== "float64")) ref = micro.constant(value, lane);
      else {
        const place = this.place(x);
        operands.push({ ...place, shape: space, stride: broadcastStrides(place.shape, place.stride, space) });
        ref = micro.operand(operands.length - 1, lane);
      }
      refs.set(x, ref);
      return ref;
    };
    const outputs: { place: Place; result: FusedResult }[] = [];
    for (const node of unit.nodes) {
      const [y] = node.outputs as [Value];
      const inputs = node.inputs.map(read) as [Ref, Ref, Ref];
      const { name } = node.primitive;
      const reduces = isFusedReduction(node);
      if (reduces) refs.set(y, micro.convert(inputs[0], laneOf(y.dtype)));
      else if (name === "astype") refs.set(y, micro.convert(inputs[0], laneOf(y.dtype)));
      else if (name === "pow") refs.set(y, power(micro, inputs[0], uniformValue(node.inputs[1]!)!));
      else refs.set(y, EXPRESSIONS[name]!(micro, inputs));
      if (!results.includes(y)) continue;
      const place = this.fresh(y.dtype, y.shape);
      this.set(y, place);
      const step = refs.get(y)!.id;
      if (!reduces) outputs.push({ place, result: { dtype: y.dtype, step, stride: place.stride } });
      else {
        const stride = space.map((_, i) => place.stride[i] ?? 0);
        outputs.push({ place, result: { dtype: y.dtype, step, stride, reduce: name as Reduction } });
      }
    }
    this.call(unit.nodes.map((node) => node.primitive.name).join(" "), space, operands, outputs, micro, unit.nodes);
  }

  /** A step that runs one generated loop. */
  private call(
    label: string,
    space: readonly number[],
    operands: readonly Place[],
    outputs: readonly { readonly place: Place; readonly result: FusedResult }[],
    micro: Micro,
    nodes: readonly Node[],
  ): void {
    const code = fuse({
      shape: space,
      operands: operands.map(({ dtype, stride }) => ({ dtype, stride })),
      results: outputs.map((x) => x.result),
      steps: micro.steps,
    });
    const fn: FusedFunction = loadFused(this.store, code);
    const table = this.buffer("constant", "uint8", code.constants.length);
    this.keep(table, ({ store }, address) => {
      store.views.uint8.set(code.constants, address);
    });
    const crew = sizeOf(space) >= PARALLEL_ELEMENTS && code.grain > 0 ? this.store.crew : undefined;
    const shares = crew === undefined ? 1 : this.threads;
    const scratchBytes = aligned(code.scratchBytes);
    const scratch = this.work(scratchBytes * shares);
    const places = [...operands, ...outputs.map((x) => x.place)];
    const ids = places.map((p) => p.buffer.id);
    const offsets = places.map(byteOffset);
    const numArgs = places.length;
    const cuts = Array.from({ length: shares + 1 }, (_, i) =>
      i === shares ? code.range : Math.min(code.range, Math.round((code.range * i) / shares / code.grain) * code.grain || 0),
    );
    const lists = Array.from({ length: shares }, () => new Array<number>(numArgs + 4).fill(0));
    this.step({
      label,
      nodes,
      reads: operands.map((p) => p.buffer),
      writes: [...outputs.map((x) => x.place.buffer), scratch],
      run({ address }) {
        lists.forEach((args, i) => {
          for (let k = 0; k < numArgs; k++) args[k] = address[ids[k]!]! + offsets[k]!;
          args[numArgs] = address[scratch.id]! + i * scratchBytes;
          args[numArgs + 1] = address[table.id]!;
          args[numArgs + 2] = cuts[i]!;
          args[numArgs + 3] = cuts[i + 1]!;
        });
        if (crew === undefined) fn(...lists[0]!);
        else crew.run(fn, lists);
      },
    });
  }

  /** A node that runs in JavaScript, or by its own copy in and out of SIMD, on views of the memory. */
  private detour(node: Node, inputs: readonly Place[]): void {
    const outputs = node.outputs.map((y) => this.fresh(y.dtype, y.shape));
    node.outputs.forEach((y, k) => this.set(y, outputs[k]!));
    const { primitive, attrs } = node;
    this.step({
      label: primitive.name,
      nodes: [node],
      reason: primitive.elementwise ? (WITHOUT_EXPRESSION[primitive.name] ?? "types without vector instructions") : "no kernel on resident memory",
      reads: inputs.map((p) => p.buffer),
      writes: outputs.map((p) => p.buffer),
      run(machine) {
        const arrays = inputs.map((p) => viewAt(machine, p));
        const results = primitive.wasm?.(arrays, attrs, node.outputs) ?? primitive.evaluate(arrays, attrs, node.outputs);
        results.forEach((y, k) => write(machine, outputs[k]!, y));
      },
    });
  }
}

const FLOATS_AND_INTEGERS: ReadonlySet<DType> = new Set(["float32", "float64", "int32"]);
/** Primitives whose expression takes truth values. */
const LOGICAL: ReadonlySet<string> = new Set([
  "equal",
  "notEqual",
  "less",
  "lessEqual",
  "greater",
  "greaterEqual",
  "logicalAnd",
  "logicalOr",
  "logicalNot",
  "where",
  "astype",
]);

function isFusible(node: Node): boolean {
  const { name } = node.primitive;
  const [out] = node.outputs as [Value];
  if (name === "pow") return POWERS.has(uniformValue(node.inputs[1]!) ?? NaN);
  if (name !== "astype" && !(node.primitive.elementwise && name in EXPRESSIONS)) return false;
  if (out.dtype === "uint8" || out.dtype === "int8") return false;
  if (!LOGICAL.has(name) && node.inputs.some((x) => x.dtype === "bool")) return false;
  return true;
}

function isFusedReduction(node: Node): boolean {
  if (!REDUCTIONS.has(node.primitive.name)) return false;
  const [x] = node.inputs as [Value];
  const [y] = node.outputs as [Value];
  const { axes } = node.attrs as { readonly axes: readonly number[] };
  if (!isTrailing(axes, x.shape.length) || sizeOf(x.shape) === 0 || sizeOf(x.shape) === sizeOf(y.shape)) return false;
  return FLOATS_AND_INTEGERS.has(x.dtype) || (node.primitive.name === "sum" && y.dtype === "int32");
}
