/** Loops for groups of operations, generated once for each structure. */
import type { DType } from "../array/dtype.js";
import { DenseArray } from "../array/ndarray.js";
import {
  type Shape,
  broadcastStrides,
  collapseAxes,
  rowMajorStrides,
  sizeOf,
} from "../array/shape.js";
import { fuse } from "../compile/wasm/fused/fuse.js";
import type { FusedOperand } from "../compile/wasm/fused/spec.js";
import { StepList, laneOf } from "../compile/wasm/fused/steps.js";
import { loopOn } from "../exec/wasm/loops.js";
import { type Ref, stepsOf } from "../forms/vector.js";
import { identity } from "../graph/key.js";
import { type Operand, PendingNode, type PendingType, type Uniform } from "./node.js";

/** Kinds of structure that are kept; the one unused for longest goes first. */
const KEPT = 256;

/** Extent in the code of loops over long rows, which run on any number of elements. */
const ANY = 1024;

/** Operations in order, what they read from outside, and how results are numbered. */
export interface Group {
  readonly nodes: readonly PendingNode[];
  readonly leaves: readonly (DenseArray | Uniform)[];
  /** Equal for groups of which one loop can serve. */
  readonly key: string;
  readonly shape: Shape;
  /** Whether every leaf has the shape of the results, or is one number. */
  readonly isFlat: boolean;
}

/** What a loop reads or writes: bytes of an element, and elements to skip for one step along the outer axis of the loop. */
export interface Stretch {
  readonly dtype: PendingType;
  readonly step: number;
}

/** A loop in memory. */
export interface Loop {
  readonly run: (...args: number[]) => void;
  readonly constants: Uint8Array;
  readonly scratchBytes: number;
  readonly operands: readonly Stretch[];
  /** The nodes that it stores, by number. */
  readonly stores: readonly number[];
  /** Elements of one step along the outer axis. */
  readonly rowSize: number;
}

/** What is kept for a structure. */
export class Plan {
  /** Nodes to store beside those that are asked for. */
  private readonly kept = new Set<number>();
  private loop: Loop | "forbidden" | undefined;

  constructor(private readonly wanted: readonly number[]) {}

  /** Stores a node from the next run on. */
  keep(index: number): void {
    if (this.wanted.includes(index) || this.kept.has(index)) return;
    this.kept.add(index);
    this.loop = undefined;
  }

  /** The loop for a group of this structure; undefined where the page's policy forbids it. */
  loopFor(group: Group): Loop | undefined {
    this.loop ??=
      makeLoop(
        group,
        [...this.wanted, ...this.kept].sort((a, b) => a - b),
      ) ?? "forbidden";
    return this.loop === "forbidden" ? undefined : this.loop;
  }
}

const plans = new Map<string, Plan>();

/** The plan for groups like this one, of which some nodes are wanted. */
export function planFor({ key }: Group, wanted: readonly number[]): Plan {
  const full = `${key}>${wanted.join()}`;
  let plan = plans.get(full);
  if (plan === undefined) plan = new Plan(wanted);
  else plans.delete(full);
  plans.set(full, plan);
  if (plans.size > KEPT) plans.delete(plans.keys().next().value!);
  return plan;
}

/** Everything that is still to be computed for some nodes, operands before what reads them. */
export function groupOf(wanted: readonly PendingNode[]): Group {
  const nodes: PendingNode[] = [];
  const leaves: (DenseArray | Uniform)[] = [];
  const places = new Map<object, string>();
  const { shape, isWide } = wanted[0]!;
  let isFlat = true;
  const words: string[] = [isWide ? "wide" : "narrow"];
  const leafOf = (x: DenseArray | Uniform): string => {
    leaves.push(x);
    if (!(x instanceof DenseArray)) return x.dtype;
    if (x.size === sizeOf(shape)) return `${x.dtype}*`;
    isFlat = false;
    return `${x.dtype}[${x.shape.join()}]`;
  };
  const place = (x: Operand): string => {
    const source = x instanceof PendingNode && !x.isPending ? arrayOf(x) : x;
    let at = places.get(source);
    if (at !== undefined) return at;
    if (source instanceof PendingNode) {
      const args = source.operands.map(place).join();
      at = `n${nodes.push(source) - 1}`;
      words.push(`${identity(source.primitive)}(${args})`);
    } else {
      at = `x${leaves.length}`;
      words.push(leafOf(source));
    }
    places.set(source, at);
    return at;
  };
  for (const node of wanted) place(node);
  const key = `${words.join(";")}${isFlat ? "" : `@${shape.join()}`}`;
  return { nodes, leaves, key, shape, isFlat };
}

const arrays = new WeakMap<PendingNode, DenseArray>();

/** A node with elements as an array, always the same one. */
function arrayOf(node: PendingNode): DenseArray {
  let x = arrays.get(node);
  if (x === undefined) {
    const { data, dtype, shape, size } = node;
    x = new DenseArray<DType>(data!, dtype, shape, rowMajorStrides(shape), 0, size);
    arrays.set(node, x);
  }
  return x;
}

/** Strides of a leaf along the loop. */
function strideOf(x: DenseArray | Uniform, { shape, isFlat }: Group): readonly number[] {
  if (!(x instanceof DenseArray)) return isFlat ? [0] : shape.map(() => 0);
  return isFlat ? [1] : broadcastStrides(x.shape, rowMajorStrides(x.shape), shape);
}

function makeLoop(group: Group, stores: readonly number[]): Loop | undefined {
  const { nodes, leaves, shape, isFlat } = group;
  const list = new StepList();
  const operands: FusedOperand[] = [];
  const refs = new Map<object, Ref>();
  for (const x of leaves) {
    refs.set(x, list.operand(operands.length, laneOf(x.dtype)));
    operands.push({ dtype: x.dtype, stride: strideOf(x, group) });
  }
  const read = (x: Operand): Ref =>
    refs.get(x instanceof PendingNode && !x.isPending ? arrayOf(x) : x)!;
  for (const node of nodes) {
    const args = node.operands.map(read) as [Ref, Ref, Ref];
    const form = stepsOf(node.primitive.elementwise!.vector)!;
    refs.set(node, form.steps(list, args, [undefined, undefined, undefined]));
  }
  const space = isFlat ? [ANY] : shape;
  const stride = rowMajorStrides(space);
  const code = fuse({
    shape: space,
    operands,
    results: stores.map((k) => {
      const node = nodes[k]!;
      return { dtype: node.dtype, step: refs.get(node)!.id, stride };
    }),
    steps: list.steps,
  });
  const run = loopOn(code.bytes(false), code.imports);
  if (run === undefined) return undefined;
  const merged = collapseAxes(space, [
    ...operands.map((x) => x.stride),
    ...stores.map(() => stride),
  ]);
  return {
    run,
    constants: code.constants,
    scratchBytes: code.scratchBytes,
    operands: operands.map(({ dtype }, k) => ({
      // leaves are of these types
      dtype: dtype as PendingType,
      step: merged.strides[k]![0]!,
    })),
    stores,
    rowSize: isFlat ? 1 : sizeOf(shape) / code.range,
  };
}
