/** Arrays as text. */
import { checkShape } from "../array/shape.js";
import { anyList, anyRecord, check } from "../check/index.js";
import type { TypedArray } from "./dtype.js";

const EDGE = 3;
const LIMIT = 1000;

function formatNumber(value: number, dtype: string): string {
  if (dtype === "bool") return value === 0 ? "false" : "true";
  if (!Number.isFinite(value) || Number.isInteger(value))
    return Object.is(value, -0) ? "-0" : String(value);
  return String(Number(value.toPrecision(dtype === "float32" ? 6 : 8)));
}

/**
 * The elements of an array in nested brackets, rows on lines of their own, the middle of long axes left out.
 *
 * @param x - any array
 * @returns text such as `float32[2, 2] [[1, 2], [3, 4]]`
 * @example
 * ```ts
 * import { array, formatArray } from "@provably/core-tensor";
 *
 * formatArray(array([1, 2.5])); // => "float32[2] [1, 2.5]"
 * ```
 * @category Arrays
 */
export function formatArray(x: {
  readonly data: TypedArray;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly offset: number;
  readonly size: number;
}): string {
  const { shape, stride, data, dtype } = check("formatArray", "x", x, anyRecord);
  checkShape("formatArray", shape, "x.shape");
  check("formatArray", "x.stride", stride, anyList);
  const abbreviate = x.size > LIMIT;
  const render = (axis: number, offset: number): string => {
    if (axis === shape.length) return formatNumber(data[offset]!, dtype);
    const extent = shape[axis]!;
    const parts: string[] = [];
    for (let i = 0; i < extent; i++) {
      if (abbreviate && extent > 2 * EDGE && i === EDGE) {
        parts.push("…");
        i = extent - EDGE;
      }
      parts.push(render(axis + 1, offset + i * stride[axis]!));
    }
    const last = axis === shape.length - 1;
    return `[${parts.join(last ? ", " : `,\n${" ".repeat(axis + 1)}`)}]`;
  };
  const body = render(0, x.offset);
  return `${dtype}[${shape.join(", ")}] ${body.includes("\n") ? "\n" : ""}${body}`;
}
