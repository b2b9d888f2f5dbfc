/**
 * Programs that are one loop over long arrays. They run piece by piece: a piece of each argument is copied in, the loop runs on it, and
 * the piece of each result is copied out while all of them lie in the second-level cache. Copied whole, arguments and results would go
 * through main memory twice, which costs a sixth of the time of a chain with two transcendental functions, and more of a shorter one.
 */
import { type DType, type TypedArray, allocate } from "../../array/dtype.js";
import { dense, rowMajorData } from "../../array/ndarray.js";
import { SIZES } from "./plan/group.js";
import { type Place, isWhole } from "./plan/place.js";
import { ResidentArray } from "./resident.js";
import { type Lowered, type Machine, type Row, type Way, write } from "./machine.js";
import { aligned, outOfMemory } from "./store.js";

/** Elements of a piece. */
const PIECE = 8192;

/** Shorter rows run whole. */
const LONG = 4 * PIECE;

/** A single number, whatever the place in the row. */
function isFixed(place: Place): boolean {
  return place.stride.every((s) => s === 0);
}

/** The loop that a program consists of, if it is one that can run piece by piece. */
export function longRow({ steps, outputs }: Lowered): Row | undefined {
  const row = steps.length === 1 ? steps[0]!.row : undefined;
  if (row === undefined || row.length < LONG) return undefined;
  const written = new Set(row.results.map((place) => place.buffer));
  const moves =
    row.operands.every((place) => isWhole(place) || isFixed(place)) && row.results.every(isWhole);
  return moves && outputs.every((place) => written.has(place.buffer) && isWhole(place))
    ? row
    : undefined;
}

/** Bytes of working memory, and where each buffer lies in it: of what moves along the row there is one piece. */
function layOut(
  { buffers }: Lowered,
  moving: ReadonlyMap<number, Place>,
): { readonly total: number; readonly offsets: Map<number, number> } {
  const offsets = new Map<number, number>();
  let total = 0;
  for (const { id, kind, bytes } of buffers) {
    if (kind !== "arena") continue;
    const place = moving.get(id);
    offsets.set(id, total);
    total += aligned(place === undefined ? bytes : PIECE * SIZES[place.dtype]);
  }
  return { total, offsets };
}

/** What runs the loop piece by piece. */
export function inPieces(lowered: Lowered, row: Row, machine: Machine): Way {
  const { inputs, outputs } = lowered;
  const { store } = machine;
  const moving = new Map(
    [...row.operands, ...row.results]
      .filter((place) => !isFixed(place))
      .map((place) => [place.buffer.id, place]),
  );
  const { total, offsets } = layOut(lowered, moving);
  const { address } = machine;
  /** Buffers through which the loop moves where they lie. */
  const constants = [...moving].flatMap(([id, { buffer, dtype }]) =>
    buffer.kind === "constant" ? [{ id, base: address[id]!, size: SIZES[dtype] }] : [],
  );
  return {
    total,
    words: `1 call for each of ${Math.ceil(row.length / PIECE)} pieces of ${PIECE} elements`,
    run(arrays) {
      const arena = store.arena(total);
      if (arena === undefined) return outOfMemory();
      for (const [id, offset] of offsets) address[id] = arena + offset;
      const through = [...constants];
      const copied: { readonly id: number; readonly dtype: DType; readonly data: TypedArray }[] =
        [];
      inputs.forEach((place, i) => {
        if (place === undefined) return;
        const { id, kind } = place.buffer;
        const x = arrays[i]!;
        if (kind === "external" && x instanceof ResidentArray) {
          address[id] = x.addressIn(store);
          if (moving.has(id)) through.push({ id, base: address[id], size: SIZES[place.dtype] });
        } else if (moving.has(id)) copied.push({ id, dtype: place.dtype, data: rowMajorData(x) });
        else write(machine, place, x);
      });
      const results = new Map(
        row.results.map(({ buffer, dtype }) => [
          buffer.id,
          { dtype, data: allocate<DType>(dtype, row.length) },
        ]),
      );
      for (let from = 0; from < row.length; from += PIECE) {
        const to = Math.min(row.length, from + PIECE);
        for (const { id, base, size } of through) address[id] = base + from * size;
        for (const { id, dtype, data } of copied)
          store.views[dtype].set(data.subarray(from, to), address[id]! / SIZES[dtype]);
        row.run(machine, to - from);
        for (const [id, { dtype, data }] of results) {
          const at = address[id]! / SIZES[dtype];
          data.set(store.views[dtype].subarray(at, at + to - from), from);
        }
      }
      return outputs.map(({ buffer, dtype, shape }) =>
        dense<DType>(results.get(buffer.id)!.data, dtype, shape),
      );
    },
  };
}
