/** Values in words, for messages. */

/**
 * A value in a few words, for messages: what it is where it is short, what it is like where it is not.
 *
 * Never throws, whatever it is given: symbols, objects without a prototype, storage transferred away, proxies that refuse.
 *
 * @param value - anything
 * @returns such as `-1`, `"mean"`, `[2, 3]`, `float32[2, 3]`, `an object with keys [shape, scale]`
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { show } from "@provably/core-tensor/internal";
 *
 * show([1, Symbol("x")]); // => "[1, Symbol(x)]"
 * show(zeros([2, 3])); // => "float32[2, 3]"
 * ```
 */
export function show(value: unknown): string {
  try {
    return inWords(value, 0);
  } catch {
    return "an object that cannot be read";
  }
}

const LONGEST = 16;

function inWords(value: unknown, depth: number): string {
  if (typeof value === "string")
    return value.length > 60 ? `"${value.slice(0, 60)}…"` : `"${value}"`;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) {
    if (depth > 1) return "a list";
    const shown = value.slice(0, LONGEST).map((entry: unknown) => inWords(entry, depth + 1));
    return `[${shown.join(", ")}${value.length > LONGEST ? ", …" : ""}]`;
  }
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  if ("dtype" in value && "shape" in value && depth === 0)
    return `${String(value.dtype)}${inWords(value.shape, 1)}`;
  return depth > 0
    ? "an object"
    : `an object with keys [${Object.keys(value).slice(0, 5).join(", ")}]`;
}
