/**
 * Eager elementwise operations on large arrays. They are written down when they are called and computed when somebody reads a result:
 * all that leads to it in one loop, and in the same loop the other results that hang on the same intermediate ones.
 */
import { DenseArray, dense, rowMajorData } from "../array/ndarray.js";
import type { DType } from "../array/dtype.js";
import { isOurs, markAwaited } from "../array/lent.js";
import { sameShape, sizeOf } from "../array/shape.js";
import { simdLevel } from "../exec/wasm/runtime.js";
import { stepsOf } from "../forms/vector.js";
import type { Aval, Primitive } from "../trace/primitive.js";
import { type Operand, PendingNode, type PendingType, RecordedArray } from "./node.js";
import { groupOf, planFor } from "./plan.js";
import { runByHand, runLoop } from "./run.js";

/** Arrays up to this size are copied when an operation is written down. */
const SMALL = 8191;

/** Most operations, and most arrays from outside, in what leads to one result. */
const MAX_NODES = 48;
const MAX_ARRAYS = 8;

/** Results that wait, with the arrays they hold on to, take up no more than this; the oldest are computed when they would. */
const MAX_WAITING_BYTES = 1 << 26;
const MAX_WAITING = 64;

/** How eager code runs. */
export interface EagerSettings {
  /** Whether operations wait until somebody reads a result; otherwise they run at once, in the same loops. */
  readonly waits: boolean;
  /** Smaller arrays are computed at once, in JavaScript. */
  readonly smallest: number;
}

let settings: EagerSettings = { waits: true, smallest: 8192 };

/** Changes settings; gives what they were before. */
export function setEager(changes: Partial<EagerSettings>): EagerSettings {
  const before = settings;
  settings = { ...settings, ...changes };
  return before;
}

/**
 * Results that no other operation reads so far, oldest first. One that the user has dropped is computed for nothing when its turn comes,
 * unless its collection is reported before; a weak reference would keep it until the job ends.
 */
const waiting = new Set<PendingNode>();
let waitingBytes = 0;

const collected = new FinalizationRegistry<PendingNode>((node) => {
  leave(node);
});

const bytesHeld = ({ size, isWide, numArrays }: PendingNode): number =>
  size * (isWide ? 8 : 4) * (1 + numArrays);

function wait(node: PendingNode, array: RecordedArray): void {
  waiting.add(node);
  waitingBytes += bytesHeld(node);
  collected.register(array, node, node);
  while (waiting.size > MAX_WAITING || (waitingBytes > MAX_WAITING_BYTES && waiting.size > 1)) {
    compute(waiting.values().next().value!);
  }
}

function leave(node: PendingNode): void {
  if (!waiting.delete(node)) return;
  waitingBytes -= bytesHeld(node);
  collected.unregister(node);
}

/** Whether loops of vectors give the same bits as the primitive by itself. */
function isExact({ elementwise, wasm }: Primitive): boolean {
  const { vector } = elementwise!;
  if ("reason" in vector) return false;
  if ("kernel" in vector) return wasm !== undefined;
  return "steps" in vector ? vector.isExact === true : true;
}

/** The type of the floats among some arrays; undefined where other types, or both, come up. */
function floatsOf(xs: readonly Aval[]): "float32" | "float64" | "none" | undefined {
  let found: "float32" | "float64" | "none" = "none";
  for (const { dtype } of xs) {
    if (dtype === "bool") continue;
    if ((dtype !== "float32" && dtype !== "float64") || (found !== "none" && found !== dtype))
      return undefined;
    found = dtype;
  }
  return found;
}

/** The result of an elementwise operation on large arrays; undefined for what the primitive does by itself. */
export function record(
  primitive: Primitive,
  inputs: readonly DenseArray[],
  out: Aval,
): DenseArray | undefined {
  const size = sizeOf(out.shape);
  if (size < settings.smallest || simdLevel() === "off" || !isExact(primitive)) return undefined;
  const floats = floatsOf([...inputs, out]);
  const takesBool = stepsOf(primitive.elementwise!.vector)!.takesBool === true;
  if (floats === undefined || (!takesBool && inputs.some((x) => x.dtype === "bool")))
    return undefined;
  const nodes = inputs.map((x) => RecordedArray.nodeOf(x));
  const isWide = floats === "float64" || nodes.some((node) => node?.isPending && node.isWide);
  let mayWait = settings.waits;
  const operands = inputs.map((x, k): Operand => {
    const node = nodes[k];
    if (node !== undefined) {
      const fits = node.isWide === isWide && sameShape(node.shape, out.shape);
      if (node.isPending && (!fits || node.numDropped > 0)) compute(node);
      return fits ? node : x;
    }
    // the types were looked at above
    if (x.size === 1) return { value: x.storage[x.offset]!, dtype: x.dtype as PendingType };
    const isPlain = Object.getPrototypeOf(x) === DenseArray.prototype;
    if (x.size <= SMALL) return dense<DType>(rowMajorData(x).slice(), x.dtype, x.shape);
    if (isPlain && isOurs(x.storage)) return twinOf(x);
    mayWait = false;
    return x;
  });
  let [numNodes, numArrays] = bounds(operands);
  if (numNodes > MAX_NODES || numArrays > MAX_ARRAYS) {
    [numNodes, numArrays] = counted(operands);
    if (numNodes > MAX_NODES || numArrays > MAX_ARRAYS) {
      for (const x of operands) if (x instanceof PendingNode && x.isPending) compute(x);
      [numNodes, numArrays] = [1, operands.length];
    }
  }
  const node = new PendingNode(
    primitive,
    operands,
    out.dtype as PendingType,
    out.shape,
    size,
    isWide,
    numNodes,
    numArrays,
  );
  if (!mayWait) {
    settle([node]);
    return dense<DType>(node.data!, out.dtype, out.shape);
  }
  for (const x of operands)
    if (x instanceof PendingNode && x.isPending) {
      x.numReaders++;
      leave(x);
    } else if (x instanceof PendingNode) markAwaited(x.data!);
  const array = new RecordedArray(node, compute);
  wait(node, array);
  return array;
}

const twins = new WeakMap<DenseArray, DenseArray>();

/** An array that keeps the storage as it is now, whatever others do with that of `x` later. */
function twinOf(x: DenseArray): DenseArray {
  let twin = twins.get(x);
  if (twin === undefined || twin.storage !== x.storage) {
    twin = new DenseArray<DType>(x.storage, x.dtype, x.shape, x.stride, x.offset, x.size);
    twins.set(x, twin);
    markAwaited(x.storage);
  }
  return twin;
}

/** Upper bounds of what leads to an operation on these operands. */
function bounds(operands: readonly Operand[]): [number, number] {
  let [numNodes, numArrays] = [1, 0];
  for (const x of operands)
    if (x instanceof PendingNode && x.isPending) {
      numNodes += x.numNodes;
      numArrays += x.numArrays;
    } else if (!("value" in x)) numArrays++;
  return [numNodes, numArrays];
}

/** The numbers themselves. */
function counted(operands: readonly Operand[]): [number, number] {
  const pending = operands.filter((x) => x instanceof PendingNode && x.isPending);
  const { nodes, leaves } =
    pending.length > 0 ? groupOf(pending as PendingNode[]) : { nodes: [], leaves: [] };
  const arrays = new Set<object>(leaves.filter((x) => x instanceof DenseArray));
  for (const x of operands) if (x instanceof DenseArray) arrays.add(x);
  return [nodes.length + 1, arrays.size];
}

let walk = 0;

/** Marks what a node depends on; true when something was marked in this walk already. */
function mark(node: PendingNode): boolean {
  if (node.seen === walk) return true;
  node.seen = walk;
  let met = false;
  for (const x of node.operands) if (x instanceof PendingNode && x.isPending && mark(x)) met = true;
  return met;
}

/** Whether a node depends on one that is marked. */
function meets(node: PendingNode): boolean {
  if (node.seen === walk) return true;
  if (node.apart === walk) return false;
  node.apart = walk;
  return node.operands.some((x) => x instanceof PendingNode && x.isPending && meets(x));
}

/** The node, and the results that wait and share intermediate ones with it. */
function withRelatives(node: PendingNode): PendingNode[] {
  walk++;
  mark(node);
  const wanted = [node];
  let [numNodes, numArrays] = [node.numNodes, node.numArrays];
  for (const other of waiting) {
    if (other === node || other.isWide !== node.isWide || !sameShape(other.shape, node.shape))
      continue;
    if (!meets(other)) continue;
    numNodes += other.numNodes;
    numArrays += other.numArrays;
    if (numNodes > 4 * MAX_NODES || numArrays > 4 * MAX_ARRAYS) break;
    mark(other);
    wanted.push(other);
  }
  return wanted;
}

/** Computes a node that somebody reads. */
export function compute(node: PendingNode): void {
  // it was computed before and not kept: next time it will be
  node.place?.keep();
  settle(withRelatives(node));
}

/** Computes some nodes of one shape and width. */
function settle(wanted: readonly PendingNode[]): void {
  const group = groupOf(wanted);
  const { nodes } = group;
  const plan = planFor(
    group,
    wanted.map((node) => nodes.indexOf(node)).sort((a, b) => a - b),
  );
  // what several operations read is computed twice at most
  nodes.forEach((node, k) => {
    if (node.numDropped > 0 && node.numReaders > 1) plan.keep(k);
  });
  const loop = plan.loopFor(group);
  const computed = loop && runLoop(loop, group);
  if (loop !== undefined && computed !== undefined)
    loop.stores.forEach((k, i) => {
      nodes[k]!.settle(computed[i]!);
    });
  else {
    const all = runByHand(group);
    for (const node of wanted) node.settle(all[nodes.indexOf(node)]!);
  }
  nodes.forEach((node, k) => {
    leave(node);
    if (!node.isPending) return;
    node.numDropped++;
    node.place = { keep: () => plan.keep(k) };
  });
}
