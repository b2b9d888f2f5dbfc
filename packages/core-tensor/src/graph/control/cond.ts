/** Choosing between two functions by a truth value. */
import { isFloat } from "../../array/dtype.js";
import type { NdArray } from "../../array/ndarray.js";
import { anyFunction, check } from "../../check/index.js";
import { ShapeError } from "../../errors.js";
import { where } from "../../ops/comparison.js";
import { reshape } from "../../ops/reshape.js";
import { bind } from "../../trace/bind.js";
import { type ArrayInput, toArray } from "../../trace/input.js";
import type { Primitive } from "../../trace/primitive.js";
import { vmap } from "../../transform/vmap.js";
import { asTree } from "../../tree/as-tree.js";
import { type Tree, leavesLike, treeFill, treeLeaves } from "../../tree/tree.js";
import { type Graph, type Value, applyGraph } from "../graph.js";
import { interpreter } from "../interpret.js";
import { traceGraph } from "../trace.js";
import {
  avalOf,
  checkSame,
  concreteOf,
  floatOutputs,
  graphOf,
  pullGraph,
  pushGraph,
  zerosOf,
} from "./body.js";

/**
 * Attributes of the primitive `cond`. Inputs are the predicate, a single number, and then what both graphs take; the outputs are those
 * of the graph that the predicate chooses.
 */
export interface CondAttrs {
  readonly yes: Graph;
  readonly no: Graph;
}

/** Both branches changed in one way. */
function both({ yes, no }: CondAttrs, change: (branch: Graph) => Graph): CondAttrs {
  return { yes: change(yes), no: change(no) };
}

export const condPrimitive: Primitive<CondAttrs> = {
  name: "cond",
  shape: (_inputs, { yes }) => yes.outputs.map(avalOf),
  evaluate([predicate, ...operands], { yes, no }) {
    return interpreter(predicate!.storage[predicate!.offset] !== 0 ? yes : no).run(operands);
  },
  derivative: {
    kind: "rules",
    jvp({ inputs: [predicate, ...operands], tangents: [, ...tangents], attrs }) {
      const moving = operands.flatMap((_, i) => (tangents[i] === undefined ? [] : [i]));
      const avals = [...operands, ...moving.map((i) => operands[i]!)].map(avalOf);
      const moved = both(attrs, (branch) =>
        graphOf(
          "cond",
          avals,
          (arrays) =>
            pushGraph(
              branch,
              arrays.slice(0, operands.length),
              moving,
              arrays.slice(operands.length),
            ).tangents,
        ),
      );
      const out = bind(
        condPrimitive,
        [predicate!, ...operands, ...moving.map((i) => tangents[i]!)],
        moved,
      );
      const floats = floatOutputs(attrs.yes);
      return attrs.yes.outputs.map((_, k) =>
        floats.includes(k) ? out[floats.indexOf(k)] : undefined,
      );
    },
    vjp({ inputs: [predicate, ...operands], outputs, cotangents, attrs, needed: [, ...needed] }) {
      const moving = operands.flatMap((x, i) => (needed[i] && isFloat(x.dtype) ? [i] : []));
      const floats = floatOutputs(attrs.yes);
      const cts = floats.map((k) => cotangents[k] ?? zerosOf(outputs[k]!));
      const avals = [...operands, ...cts].map(avalOf);
      const pulled = both(attrs, (branch) =>
        graphOf("cond", avals, (arrays) =>
          pullGraph(
            branch,
            arrays.slice(0, operands.length),
            moving,
            arrays.slice(operands.length),
          ),
        ),
      );
      const out = bind(condPrimitive, [predicate!, ...operands, ...cts], pulled);
      return [
        undefined,
        ...operands.map((_, i) => (moving.includes(i) ? out[moving.indexOf(i)] : undefined)),
      ];
    },
  },
  batching: {
    kind: "rule",
    rule([predicate, ...operands], [chosen, ...batched], attrs, batchSize) {
      const axes = batched.map((b) => (b ? 0 : null));
      const run = (branch: Graph): NdArray[] => {
        const avals = operands.map(avalOf);
        const wide = graphOf("cond", avals, (arrays) => {
          // a member axis for branches that depend on no batched operand
          const member = zerosOf({ dtype: "float32", shape: [batchSize] });
          return vmap((_: NdArray, ...xs: NdArray[]) => applyGraph(branch, xs), {
            inAxes: [0, ...axes],
          })(member, ...arrays);
        });
        return applyGraph(wide, operands);
      };
      if (!chosen) {
        const avals = operands.map(avalOf);
        const wide = both(attrs, (branch) =>
          graphOf("cond", avals, (arrays) =>
            vmap((...xs: NdArray[]) => applyGraph(branch, xs), { inAxes: axes })(...arrays),
          ),
        );
        return bind(condPrimitive, [predicate!, ...operands], wide);
      }
      // members differ in their choice: both are computed
      const [yes, no] = [run(attrs.yes), run(attrs.no)];
      return yes.map((y, k) =>
        where(
          reshape(predicate!, [batchSize, ...new Array<number>(y.shape.length - 1).fill(1)]),
          y,
          no[k]!,
        ),
      );
    },
  },
};

/**
 * The result of one of two functions, by the value of a predicate.
 *
 * Only the chosen one runs, unless `vmap` makes the predicate vary from member to member; then both do. With a predicate whose value is
 * known this is JavaScript's own `?:`; inside {@link compile} both functions are traced, and the choice is made when the program runs.
 *
 * @param predicate - a single number or truth value; anything but 0 chooses `yes`
 * @param yes - function of the operands
 * @param no - function of the operands with results of the same structure, shapes and types
 * @param operands - trees of arrays
 * @returns what the chosen function returns
 * @throws `ShapeError` when the predicate is not a single value, or the results differ in shape
 * @example
 * ```ts
 * import { array, greater, item, neg } from "@provably/core-tensor";
 * import { compile, cond } from "@provably/core-tensor/compile";
 *
 * const abs = compile((x) => cond(greater(x, 0), (v) => v, (v) => neg(v), x));
 * item(abs(array(-3))); // => 3
 * ```
 * @category Control flow
 */
export function cond<Args extends unknown[], Y>(
  predicate: ArrayInput,
  yes: (...args: Args) => Y,
  no: (...args: Args) => Y,
  ...operands: Args
): Y {
  check("cond", "yes", yes, anyFunction);
  check("cond", "no", no, anyFunction);
  const choice = toArray("cond", predicate, "predicate");
  if (choice.size !== 1)
    throw new ShapeError(
      `cond: predicate must be a single value, got shape [${choice.shape.join(", ")}]`,
    );
  const known = concreteOf(choice);
  if (known !== undefined)
    return known.storage[known.offset] !== 0 ? yes(...operands) : no(...operands);
  const trees = operands.map((x): Tree => asTree("cond", x));
  const arrays = treeLeaves(trees);
  const first = traceGraph((...args: Args) => asTree("cond", yes(...args)), trees, "cond");
  const says = "both functions must return the same structure, with the same constants";
  const second = traceGraph(
    (...args: Args) => leavesLike("cond", says, first.result, asTree("cond", no(...args)), true),
    trees,
    "cond",
  );
  checkSame("cond", "both functions", second.graph.outputs, first.graph.outputs);
  // each graph takes the operands, then what the first uses from outside, then what the second does
  const unused = (captures: readonly NdArray[]): Value[] =>
    captures.map(({ shape, dtype }, i) => ({ id: -1 - i, shape, dtype }));
  const [inputs, rest] = [
    second.graph.inputs.slice(0, arrays.length),
    second.graph.inputs.slice(arrays.length),
  ];
  const attrs = {
    yes: { ...first.graph, inputs: [...first.graph.inputs, ...unused(second.captures)] },
    no: { ...second.graph, inputs: [...inputs, ...unused(first.captures), ...rest] },
  };
  const outputs = bind(
    condPrimitive,
    [reshape(choice, []), ...arrays, ...first.captures, ...second.captures],
    attrs,
  );
  return treeFill(first.result, outputs) as Y;
}
