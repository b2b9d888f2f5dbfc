/** A function of one member as a function of a whole batch. */
import {
  type Schema,
  anyFunction,
  anything,
  check,
  checkOptions,
  either,
  listOf,
  nullable,
  satisfying,
  show,
  within,
} from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { normalizeAxis } from "../array/shape.js";
import { AxisError, ShapeError } from "../errors.js";
import { broadcastTo } from "../ops/broadcast.js";
import { moveAxis } from "../ops/reshape.js";
import { asTree } from "../tree/as-tree.js";
import { treeFill, treeLeaves } from "../tree/tree.js";
import { BatchTrace } from "./batch.js";

/**
 * Options of {@link vmap}.
 * @category Transforms
 */
export interface VmapOptions {
  /** Batch axis of each argument, the same for all its arrays; null for an argument shared by all members. Default 0. */
  readonly inAxes?: number | readonly (number | null)[];
  /** Batch axis of the results; default 0. */
  readonly outAxes?: number;
}

const axis = /* @__PURE__ */ satisfying<number>("an integer", Number.isInteger);
const VMAP: Schema<VmapOptions> = {
  inAxes: /* @__PURE__ */ either(axis, /* @__PURE__ */ listOf(/* @__PURE__ */ nullable(axis))),
  outAxes: anything,
};

/**
 * A function that does for every member of a batch what `f` does for one.
 *
 * Numbers inside an argument, which have no member axis, are shared by all members; numbers that `f` returns are repeated for each.
 *
 * Runs `f` once, on all members together: every operation has a rule that carries the extra axis, so no loop over members is left.
 *
 * @param f - function of trees of arrays to a tree of arrays, written for one member
 * @param options - see {@link VmapOptions}
 * @returns function of batched arguments; results carry the batch on axis `outAxes`
 * @throws {@link ShapeError} when the arguments disagree on the batch size
 * @example
 * ```ts
 * import { array, dot, toNested, vmap } from "@provably/core-tensor";
 *
 * const rows = array([[1, 2], [3, 4]]);
 * toNested(vmap(dot)(rows, rows)); // => [5, 25]
 * ```
 * @category Transforms
 */
export function vmap<Args extends unknown[], Y>(
  f: (...args: Args) => Y,
  options: VmapOptions = {},
): (...args: Args) => Y {
  check("vmap", "f", f, anyFunction);
  const { inAxes = 0, outAxes = 0 } = checkOptions("vmap", options, VMAP);
  return (...args) => {
    const axes = args.map((_, i) => (typeof inAxes === "number" ? inAxes : (inAxes[i] ?? null)));
    // numbers inside an argument have no member axis: all members share them
    const trees = args.map((x) => asTree("vmap", x, { numbers: typeof x === "number" }));
    const stacks = trees.map((tree, i) => {
      const axis = axes[i] ?? null;
      return axis === null
        ? []
        : treeLeaves(tree).map((x) =>
            moveAxis(x, normalizeAxis(`vmap: argument ${i}`, axis, x.shape.length), 0),
          );
    });
    const sizes = new Set(stacks.flat().map((x) => x.shape[0]!));
    if (sizes.size !== 1)
      throw new ShapeError(
        sizes.size === 0
          ? "vmap: no argument has a batch axis; give inAxes a number for at least one array argument"
          : `vmap: arguments must agree on the batch size, got ${[...sizes].join(" and ")}`,
      );
    const trace = new BatchTrace([...sizes][0]!);
    const members = trees.map((tree, i) =>
      axes[i] === null
        ? tree
        : treeFill(
            tree,
            stacks[i]!.map((x) => trace.member(x)),
          ),
    );
    let result: Y;
    try {
      result = asTree("vmap", f(...(members as Args))) as Y;
    } finally {
      trace.finished = true;
    }
    return treeFill(
      result,
      treeLeaves(result).map((y) => place(trace, y, outAxes)),
    );
  };
}

function place(trace: BatchTrace, y: NdArray, outAxis: number): NdArray {
  if (!Number.isInteger(outAxis))
    throw new AxisError(`vmap: outAxes must be an integer, got ${show(outAxis)}`);
  const stacked = trace.stacked(y) ?? broadcastTo(y, [trace.batchSize, ...y.shape]);
  return within("vmap", () => moveAxis(stacked, 0, outAxis));
}
