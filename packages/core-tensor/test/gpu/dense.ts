/** What programs on devices take: arrays with elements. */
import type { NdArray } from "@provably/core-tensor";
import type { DenseArray } from "../../src/array/ndarray.js";
import { toConcrete } from "../../src/trace/input.js";

export const denseOf = (xs: readonly NdArray[]): readonly DenseArray[] =>
  xs.map((x) => toConcrete("denseOf", x));
