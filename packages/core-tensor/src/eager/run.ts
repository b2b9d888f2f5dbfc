/** Running the loop of a group: tiles of the arrays go through the scratch memory, results come out. */
import { type DType, type TypedArray, allocate } from "../array/dtype.js";
import { DenseArray, dense, rowMajorData } from "../array/ndarray.js";
import { SCRATCH_START, reserve, scratchF32, scratchF64, scratchU8 } from "../exec/wasm/runtime.js";
import { scalar } from "../trace/input.js";
import { type Operand, PendingNode, type PendingType, type Uniform } from "./node.js";
import type { Group, Loop } from "./plan.js";

const SIZES: Record<PendingType, number> = { float32: 4, float64: 8, bool: 1 };

/** Elements of a tile: what a loop of a few arrays works on stays in the second-level cache. */
const TILE = 8192;

/** Blocks begin at multiples of this, and loops and kernels may pass the end of one by less. */
const SLACK = 128;

const aligned = (bytes: number): number => Math.ceil((bytes + SLACK) / 64) * 64;

function viewOf(dtype: PendingType): TypedArray {
  return dtype === "float32" ? scratchF32 : dtype === "float64" ? scratchF64 : scratchU8;
}

/** The elements of what the loop stores; undefined where the scratch memory cannot hold a step of it. */
export function runLoop(loop: Loop, { nodes, leaves }: Group): TypedArray[] | undefined {
  const { operands, stores, rowSize } = loop;
  const { size } = nodes[0]!;
  const range = size / rowSize;
  const steps = Math.min(range, Math.max(1, Math.floor(TILE / rowSize)));
  /** Leaves that come tile by tile: those with an element for each of the results'. */
  const moves = leaves.map(
    (x, k) => x instanceof DenseArray && operands[k]!.step === rowSize && x.size === size,
  );
  let end = SCRATCH_START;
  const take = (bytes: number): number => (end += aligned(bytes)) - aligned(bytes);
  const table = take(loop.constants.length);
  const scratch = take(loop.scratchBytes);
  const at = operands.map(({ dtype }, k) => {
    const x = leaves[k]!;
    const length = moves[k] ? steps * rowSize : x instanceof DenseArray ? x.size : 1;
    return take(length * SIZES[dtype]);
  });
  const results = stores.map((k) => nodes[k]!.dtype);
  const to = results.map((dtype) => take(steps * rowSize * SIZES[dtype]));
  if (!reserve(end - SCRATCH_START)) return undefined;
  scratchU8.set(loop.constants, table);
  const flat = leaves.map((x, k) => place(x, operands[k]!.dtype, at[k]!, moves[k]!));
  const out = results.map((dtype): TypedArray => allocate<DType>(dtype, size));
  const args = [...at, ...to, scratch, table, 0, 0];
  for (let from = 0; from < range; from += steps) {
    const count = Math.min(steps, range - from);
    const [first, last] = [from * rowSize, (from + count) * rowSize];
    for (let k = 0; k < operands.length; k++) {
      const { dtype, step } = operands[k]!;
      const data = flat[k];
      if (data === undefined) args[k] = at[k]! + from * step * SIZES[dtype];
      else
        viewOf(dtype).set(
          data.length === last - first ? data : data.subarray(first, last),
          at[k]! / SIZES[dtype],
        );
    }
    // a row of any length is run in whole vectors: what lies behind it in the tile is nobody's
    args[args.length - 1] = rowSize === 1 ? (count + 3) & ~3 : count;
    loop.run(...args);
    for (let k = 0; k < out.length; k++) {
      const begin = to[k]! / SIZES[results[k]!];
      out[k]!.set(viewOf(results[k]!).subarray(begin, begin + last - first), first);
    }
  }
  return out;
}

/** Puts a leaf that does not move where the loop reads it, and gives the elements of one that does. */
function place(
  x: DenseArray | Uniform,
  dtype: PendingType,
  address: number,
  moves: boolean,
): TypedArray | undefined {
  if (!(x instanceof DenseArray)) {
    viewOf(dtype)[address / SIZES[dtype]] = x.value;
    return undefined;
  }
  const data = rowMajorData(x);
  if (moves) return data;
  viewOf(dtype).set(data, address / SIZES[dtype]);
  return undefined;
}

/** All nodes of a group one by one, without generated loops. */
export function runByHand({ nodes }: Group): TypedArray[] {
  const results = new Map<PendingNode, DenseArray>();
  const read = (x: Operand): DenseArray => {
    if (x instanceof DenseArray) return x;
    if (!(x instanceof PendingNode)) return scalar<DType>(x.value, x.dtype);
    return results.get(x) ?? dense<DType>(x.data!, x.dtype, x.shape);
  };
  for (const node of nodes) {
    const inputs = node.operands.map(read);
    const { primitive } = node;
    const [y] =
      primitive.wasm?.(inputs, undefined, [node]) ?? primitive.evaluate(inputs, undefined, [node]);
    results.set(node, y!);
  }
  return nodes.map((node) => results.get(node)!.storage);
}
