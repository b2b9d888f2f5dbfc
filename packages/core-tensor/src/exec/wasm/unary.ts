/** Elementwise transcendental functions, tile by tile through the scratch memory. */
import { exponentialF32, exponentialF64 } from "./binaries/exponential.js";
import { gaussianF32, gaussianF64 } from "./binaries/gaussian.js";
import { logarithmF32, logarithmF64 } from "./binaries/logarithm.js";
import { TILE_KERNELS, type TileKernel } from "./tile-kernels.js";
import { copyOut } from "./operand.js";
import {
  type FloatArray,
  SCRATCH_START,
  align,
  freshLike,
  kernel,
  reserve,
  scratchLike,
} from "./runtime.js";

/** Bytes of one tile: copies and kernel then work in the first-level cache. */
const TILE_BYTES = 16384;

/** Kernels run on pairs of vectors, past the end of the data if need be. */
const PAIR_BYTES = 32;

/** A function on the pairs of vectors from byte `at` up to `end`, in place. */
type InPlace = (at: number, end: number) => void;
type InPlaces = Readonly<Partial<Record<TileKernel, InPlace>>>;

/** Functions with a kernel for eager calls. `gelu` is the exact form, `geluTanh` its tanh approximation. */
export type UnaryName = Exclude<TileKernel, "sin" | "cos">;

/** The modules, for 32-bit and 64-bit floats. */
const MODULES = {
  exponential: [
    /* @__PURE__ */ kernel<InPlaces>(exponentialF32),
    /* @__PURE__ */ kernel<InPlaces>(exponentialF64),
  ],
  logarithm: [
    /* @__PURE__ */ kernel<InPlaces>(logarithmF32),
    /* @__PURE__ */ kernel<InPlaces>(logarithmF64),
  ],
  gaussian: [
    /* @__PURE__ */ kernel<InPlaces>(gaussianF32),
    /* @__PURE__ */ kernel<InPlaces>(gaussianF64),
  ],
} as const;

/** The kernel of a function on the scratch memory; undefined where SIMD is off. */
export function kernelOf(name: UnaryName, isNarrow: boolean): InPlace | undefined {
  return MODULES[TILE_KERNELS[name]][isNarrow ? 0 : 1]()?.[name];
}

/**
 * `name` applied to every element of the contiguous `x` (a subarray is welcome).
 *
 * Short arrays go through the kernel too, for a tenth of a microsecond more than `Math` would take: an element's bits must not depend on how many others come
 * with it.
 */
export function unary<T extends FloatArray>(name: UnaryName, x: T): T | undefined {
  const size = x.length;
  const run = kernelOf(name, x instanceof Float32Array);
  const bytes = x.BYTES_PER_ELEMENT;
  if (!run || !reserve(Math.min(TILE_BYTES, align(size * bytes) + PAIR_BYTES))) return undefined;
  const scratch = scratchLike(x);
  const from = SCRATCH_START / bytes;
  const tile = TILE_BYTES / bytes;
  if (size <= tile) {
    scratch.set(x, from);
    run(SCRATCH_START, SCRATCH_START + size * bytes);
    return copyOut(x, SCRATCH_START, size);
  }
  const out = freshLike(x, size);
  for (let at = 0; at < size; at += tile) {
    const count = Math.min(tile, size - at);
    scratch.set(x.subarray(at, at + count), from);
    run(SCRATCH_START, SCRATCH_START + count * bytes);
    out.set(scratch.subarray(from, from + count), at);
  }
  return out;
}
