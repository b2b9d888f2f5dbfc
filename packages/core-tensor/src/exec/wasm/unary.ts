/** Elementwise transcendental functions. */
import type { FloatArray } from "./runtime.js";

/** Arrays shorter than this are faster in plain JavaScript. */
export const UNARY_MIN_SIZE = 32;

/** Functions with a kernel. `gelu` is the exact form, `geluTanh` its tanh approximation. */
export const UNARY_NAMES = [
  "exp", "expm1", "log", "log1p", "tanh", "sigmoid", "softplus", "silu", "erf", "gelu", "geluTanh",
] as const;

/** Name of an elementwise kernel. */
export type UnaryName = (typeof UNARY_NAMES)[number];

/** `name` applied to every element of the contiguous `x` (a subarray is welcome). */
export function unary<T extends FloatArray>(name: UnaryName, x: T): T | undefined {
  return undefined;
}
