/** Which nodes become part of a generated loop. */
import type { DType } from "../../array/dtype.js";
import { sizeOf } from "../../array/shape.js";
import { stepsOf } from "../../forms/vector.js";
import type { Node, Value } from "../../graph/graph.js";
import type { Fusible } from "./plan/group.js";
import { uniformValue } from "../../graph/simplify.js";

const REDUCTIONS: ReadonlySet<string> = new Set(["sum", "max", "min"]);

function isTrailing(axes: readonly number[], rank: number): boolean {
  return axes.length > 0 && axes.every((axis, i) => axis === rank - axes.length + i);
}

const FLOATS_AND_INTEGERS: ReadonlySet<DType> = new Set(["float32", "float64", "int32"]);
function vectorSteps({ primitive }: Node): ReturnType<typeof stepsOf> {
  return primitive.elementwise && stepsOf(primitive.elementwise.vector);
}

/** Elementwise with vector instructions for its types. */
export function isFusible(node: Node): boolean {
  const [out] = node.outputs as [Value];
  if (out.dtype === "uint8" || out.dtype === "int8") return false;
  if (node.primitive.name === "asType") return true;
  const form = vectorSteps(node);
  if (form === undefined) return false;
  if (form.takes && !form.takes(out.dtype, node.inputs.map(uniformValue))) return false;
  return form.takesBool === true || node.inputs.every((x) => x.dtype !== "bool");
}

/** A sum or an extremum over trailing axes. */
export function isFusedReduction(node: Node): boolean {
  if (!REDUCTIONS.has(node.primitive.name)) return false;
  const [x] = node.inputs as [Value];
  const [y] = node.outputs as [Value];
  const { axes } = node.attrs as { readonly axes: readonly number[] };
  if (
    !isTrailing(axes, x.shape.length) ||
    sizeOf(x.shape) === 0 ||
    sizeOf(x.shape) === sizeOf(y.shape)
  )
    return false;
  return FLOATS_AND_INTEGERS.has(x.dtype) || (node.primitive.name === "sum" && y.dtype === "int32");
}

/** Whether 64-bit floats come up, or are what the steps compute in. */
export function isWide(node: Node): boolean {
  return (
    vectorSteps(node)?.isWide?.(node.inputs.map(uniformValue)) === true ||
    [...node.inputs, ...node.outputs].some((x) => x.dtype === "float64")
  );
}

export const FUSIBLE: Fusible = {
  elementwise: isFusible,
  reduction: isFusedReduction,
  wide: isWide,
};
