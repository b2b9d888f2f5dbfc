/**
 * Programs that are one loop over long arrays. They run tile by tile: a tile of each argument is copied in, the loop runs on it, and
 * the tile of each result is copied out while all of them lie in the second-level cache. Copied whole, arguments and results would go
 * through main memory twice, which costs a sixth of the time of a chain with two transcendental functions, and more of a shorter one.
 */
import { type DType, type TypedArray, allocate } from "../../array/dtype.js";
import { dense, rowMajorData } from "../../array/ndarray.js";
import { SIZES } from "./plan/group.js";
import { type BufferView, isWhole } from "./plan/view.js";
import { ResidentArray } from "./resident.js";
import { type LoweredGraph, type Runtime, type Row, type Strategy, write } from "./runtime.js";
import { aligned, outOfMemory } from "./allocator.js";

/** Elements of a tile. */
const TILE = 8192;

/** Shorter rows run whole. */
const LONG = 4 * TILE;

/** A single number, whatever the place in the row. */
function isFixed(view: BufferView): boolean {
  return view.stride.every((s) => s === 0);
}

/** The loop that a program consists of, if it is one that can run tile by tile. */
export function longRow({ steps, outputs }: LoweredGraph): Row | undefined {
  const row = steps.length === 1 ? steps[0]!.row : undefined;
  if (row === undefined || row.length < LONG) return undefined;
  const written = new Set(row.results.map((view) => view.buffer));
  const moves =
    row.operands.every((view) => isWhole(view) || isFixed(view)) && row.results.every(isWhole);
  return moves && outputs.every((view) => written.has(view.buffer) && isWhole(view))
    ? row
    : undefined;
}

/** Bytes of working memory, and where each buffer lies in it: of what moves along the row there is one tile. */
function layOut(
  { buffers }: LoweredGraph,
  moving: ReadonlyMap<number, BufferView>,
): { readonly total: number; readonly offsets: Map<number, number> } {
  const offsets = new Map<number, number>();
  let total = 0;
  for (const { id, kind, bytes } of buffers) {
    if (kind !== "arena") continue;
    const view = moving.get(id);
    offsets.set(id, total);
    total += aligned(view === undefined ? bytes : TILE * SIZES[view.dtype]);
  }
  return { total, offsets };
}

/** What runs the loop tile by tile. */
export function inTiles(lowered: LoweredGraph, row: Row, runtime: Runtime): Strategy {
  const { inputs, outputs } = lowered;
  const { allocator } = runtime;
  const moving = new Map(
    [...row.operands, ...row.results]
      .filter((view) => !isFixed(view))
      .map((view) => [view.buffer.id, view]),
  );
  const { total, offsets } = layOut(lowered, moving);
  const { address } = runtime;
  /** Buffers through which the loop moves where they lie. */
  const constants = [...moving].flatMap(([id, { buffer, dtype }]) =>
    buffer.kind === "constant" ? [{ id, base: address[id]!, size: SIZES[dtype] }] : [],
  );
  return {
    total,
    words: `1 call for each of ${Math.ceil(row.length / TILE)} tiles of ${TILE} elements`,
    run(arrays) {
      const arena = allocator.arena(total);
      if (arena === undefined) return outOfMemory();
      for (const [id, offset] of offsets) address[id] = arena + offset;
      const through = [...constants];
      const copied: { readonly id: number; readonly dtype: DType; readonly data: TypedArray }[] =
        [];
      inputs.forEach((view, i) => {
        if (view === undefined) return;
        const { id, kind } = view.buffer;
        const x = arrays[i]!;
        if (kind === "external" && x instanceof ResidentArray) {
          address[id] = x.addressIn(allocator);
          if (moving.has(id)) through.push({ id, base: address[id], size: SIZES[view.dtype] });
        } else if (moving.has(id)) copied.push({ id, dtype: view.dtype, data: rowMajorData(x) });
        else write(runtime, view, x);
      });
      const results = new Map(
        row.results.map(({ buffer, dtype }) => [
          buffer.id,
          { dtype, data: allocate<DType>(dtype, row.length) },
        ]),
      );
      for (let from = 0; from < row.length; from += TILE) {
        const to = Math.min(row.length, from + TILE);
        for (const { id, base, size } of through) address[id] = base + from * size;
        for (const { id, dtype, data } of copied)
          allocator.views[dtype].set(data.subarray(from, to), address[id]! / SIZES[dtype]);
        row.run(runtime, to - from);
        for (const [id, { dtype, data }] of results) {
          const at = address[id]! / SIZES[dtype];
          data.set(allocator.views[dtype].subarray(at, at + to - from), from);
        }
      }
      return outputs.map(({ buffer, dtype, shape }) =>
        dense<DType>(results.get(buffer.id)!.data, dtype, shape),
      );
    },
  };
}
