/** Elementwise transcendental functions, tile by tile through the scratch memory. */
import { exponentialF32, exponentialF64 } from "./binaries/exponential.js";
import { gaussianF32, gaussianF64 } from "./binaries/gaussian.js";
import { logarithmF32, logarithmF64 } from "./binaries/logarithm.js";
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

interface Exponential {
  readonly exp: InPlace;
  readonly expm1: InPlace;
  readonly tanh: InPlace;
  readonly sigmoid: InPlace;
  readonly silu: InPlace;
  readonly geluTanh: InPlace;
}

interface Logarithm {
  readonly log: InPlace;
  readonly log1p: InPlace;
  readonly softplus: InPlace;
}

interface Gaussian {
  readonly erf: InPlace;
  readonly erfc: InPlace;
  readonly gelu: InPlace;
  readonly ndtr: InPlace;
}

const exponential32 = kernel<Exponential>(exponentialF32);
const exponential64 = kernel<Exponential>(exponentialF64);
const logarithm32 = kernel<Logarithm>(logarithmF32);
const logarithm64 = kernel<Logarithm>(logarithmF64);
const gaussian32 = kernel<Gaussian>(gaussianF32);
const gaussian64 = kernel<Gaussian>(gaussianF64);

/** Functions with a kernel. `gelu` is the exact form, `geluTanh` its tanh approximation. */
export const UNARY_NAMES = [
  "exp",
  "expm1",
  "log",
  "log1p",
  "tanh",
  "sigmoid",
  "softplus",
  "silu",
  "erf",
  "erfc",
  "gelu",
  "ndtr",
  "geluTanh",
] as const;

/** Name of an elementwise kernel. */
export type UnaryName = (typeof UNARY_NAMES)[number];

function kernelOf(name: UnaryName, narrow: boolean): InPlace | undefined {
  switch (name) {
    case "log":
    case "log1p":
    case "softplus":
      return (narrow ? logarithm32 : logarithm64)()?.[name];
    case "erf":
    case "erfc":
    case "gelu":
    case "ndtr":
      return (narrow ? gaussian32 : gaussian64)()?.[name];
    default:
      return (narrow ? exponential32 : exponential64)()?.[name];
  }
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
