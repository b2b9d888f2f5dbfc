/** What a function does to arrays, as text. */
import { anyFunction, check } from "../check/index.js";
import { asTree } from "../tree/as-tree.js";
import { graphText } from "./print.js";
import { simplify } from "./simplify.js";
import { traceGraph } from "./trace.js";

/**
 * The operations that a function applies to arrays, one a line, with the extents and types of their results: what `compile` sees, before it is
 * fused. Derivatives and batches are functions like others: `formatGraph(grad(f), x)`.
 *
 * The function is run once on arrays without elements. Operations that no result needs are left out, equal ones stand once, and what does not
 * depend on the arguments is computed already.
 *
 * @param f - function of trees of arrays to a tree of arrays
 * @param args - what `f` would be called with; of arrays only extents and types matter, all else is as it is
 * @returns text: a line `inputs`, a line for each operation `%2: f32[3] = mul(%0, %1)`, a line `outputs`; loops and branches indented
 * @throws `ConcretizationError` when `f` reads elements of an array
 * @example
 * ```ts
 * import { array, square, sum } from "@provably/core-tensor";
 * import { formatGraph } from "@provably/core-tensor/compile";
 *
 * formatGraph((x) => sum(square(x)), array([1, 2])).split("\n")[1]; // => "%1: f32[2] = square(%0)"
 * ```
 * @category Compilation
 */
export function formatGraph<Args extends unknown[]>(
  f: (...args: Args) => unknown,
  ...args: Args
): string {
  check("formatGraph", "f", f, anyFunction);
  const trees = args.map((x) => asTree("formatGraph", x, { lists: false, numbers: false }));
  return graphText(simplify(traceGraph(f, trees, "formatGraph").graph));
}
