/** Which nodes become part of a generated loop. */
import type { DType } from "../../array/dtype.js";
import { sizeOf } from "../../array/shape.js";
import type { Node, Value } from "../../graph/graph.js";
import type { Fusible } from "./plan/group.js";
import { uniformValue } from "../../graph/simplify.js";
import { EXPRESSIONS, POWERS } from "./fused/expressions.js";

const REDUCTIONS: ReadonlySet<string> = new Set(["sum", "max", "min"]);

function isTrailing(axes: readonly number[], rank: number): boolean {
  return axes.length > 0 && axes.every((axis, i) => axis === rank - axes.length + i);
}

const FLOATS_AND_INTEGERS: ReadonlySet<DType> = new Set(["float32", "float64", "int32"]);
/** Primitives whose expression takes truth values. */
const LOGICAL: ReadonlySet<string> = new Set([
  "equal",
  "notEqual",
  "less",
  "lessEqual",
  "greater",
  "greaterEqual",
  "logicalAnd",
  "logicalOr",
  "logicalNot",
  "where",
  "asType",
]);

/** Elementwise with vector instructions for its types. */
export function isFusible(node: Node): boolean {
  const { name } = node.primitive;
  const [out] = node.outputs as [Value];
  if (name === "pow") return isProduct(node) || out.dtype === "float32";
  if (name !== "asType" && !(node.primitive.elementwise && name in EXPRESSIONS)) return false;
  if (out.dtype === "uint8" || out.dtype === "int8") return false;
  if (!LOGICAL.has(name) && node.inputs.some((x) => x.dtype === "bool")) return false;
  return true;
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

/** A power that a few products give. */
function isProduct(node: Node): boolean {
  return POWERS.has(uniformValue(node.inputs[1]!) ?? NaN);
}

/** Whether 64-bit floats come up, or are what a power of 32-bit ones is computed in. */
export function isWide(node: Node): boolean {
  return (
    (node.primitive.name === "pow" && !isProduct(node)) ||
    [...node.inputs, ...node.outputs].some((x) => x.dtype === "float64")
  );
}

export const FUSIBLE: Fusible = {
  elementwise: isFusible,
  reduction: isFusedReduction,
  wide: isWide,
};
