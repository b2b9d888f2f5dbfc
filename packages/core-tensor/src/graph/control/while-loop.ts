/** Loops that run until a condition fails. */
import { isFloat } from "../../array/dtype.js";
import type { NdArray } from "../../array/ndarray.js";
import { type Schema, anyFunction, check, checkOptions, wholeNumber } from "../../check/index.js";
import { DomainError, ShapeError } from "../../errors.js";
import { add } from "../../ops/arithmetic.js";
import { less, logicalAnd, notEqual, where } from "../../ops/comparison.js";
import { broadcastTo } from "../../ops/broadcast.js";
import { item } from "../../ops/create.js";
import { any } from "../../ops/reduce.js";
import { reshape } from "../../ops/reshape.js";
import { bind } from "../../trace/bind.js";
import { toArray } from "../../trace/input.js";
import type { Primitive } from "../../trace/primitive.js";
import { vmap } from "../../transform/vmap.js";
import { asTree } from "../../tree/as-tree.js";
import { leavesLike, treeFill, treeLeaves } from "../../tree/tree.js";
import { type Graph, applyGraph } from "../graph.js";
import { interpreter } from "../interpret.js";
import { isTracing, traceGraph } from "../trace.js";
import {
  avalOf,
  checkSame,
  concreteOf,
  floatOutputs,
  graphOf,
  pushGraph,
  zerosOf,
} from "./body.js";

/**
 * Attributes of the primitive `whileLoop`. Inputs are the state, then constants of the condition, then constants of the body; outputs
 * are the last state. `condition` takes the state and its constants and gives one truth value, `body` the state and its constants.
 */
export interface WhileAttrs {
  readonly condition: Graph;
  readonly body: Graph;
  readonly numCarry: number;
}

/** The state, the condition's constants and the body's. */
function split<T>(
  inputs: readonly T[],
  { condition, numCarry }: WhileAttrs,
): readonly [T[], T[], T[]] {
  const bodyAt = condition.inputs.length;
  return [inputs.slice(0, numCarry), inputs.slice(numCarry, bodyAt), inputs.slice(bodyAt)];
}

export const whilePrimitive: Primitive<WhileAttrs> = {
  name: "whileLoop",
  shape: (_inputs, { body }) => body.outputs.map(avalOf),
  evaluate(inputs, attrs) {
    const [state, forCondition, forBody] = split(inputs, attrs);
    const [condition, body] = [interpreter(attrs.condition), interpreter(attrs.body)];
    let carry = state;
    while (item(condition.run([...carry, ...forCondition])[0]!) !== 0)
      carry = body.run([...carry, ...forBody]);
    return carry;
  },
  derivative: {
    kind: "rules",
    jvp({ inputs, tangents, attrs }) {
      const { condition, body, numCarry } = attrs;
      const [carry, forCondition, forBody] = split(inputs, attrs);
      const bodyAt = condition.inputs.length;
      const movingCarry = carry.flatMap((x, i) => (isFloat(x.dtype) ? [i] : []));
      const movingConstants = forBody.flatMap((_, i) =>
        tangents[bodyAt + i] === undefined ? [] : [numCarry + i],
      );
      const numAll = numCarry + movingCarry.length;
      const state = [...carry, ...movingCarry.map((i) => carry[i]!)].map(avalOf);
      const moved = graphOf(
        "whileLoop",
        [
          ...state,
          ...forBody.map(avalOf),
          ...movingConstants.map((i) => avalOf(forBody[i - numCarry]!)),
        ],
        (arrays) => {
          const primal = [
            ...arrays.slice(0, numCarry),
            ...arrays.slice(numAll, numAll + forBody.length),
          ];
          const along = [
            ...arrays.slice(numCarry, numAll),
            ...arrays.slice(numAll + forBody.length),
          ];
          const run = pushGraph(body, primal, [...movingCarry, ...movingConstants], along);
          return [...run.outputs, ...run.tangents];
        },
      );
      const wider = graphOf("whileLoop", [...state, ...forCondition.map(avalOf)], (arrays) =>
        applyGraph(condition, [...arrays.slice(0, numCarry), ...arrays.slice(numAll)]),
      );
      const outputs = bind(
        whilePrimitive,
        [
          ...carry,
          ...movingCarry.map((i) => tangents[i] ?? zerosOf(carry[i]!)),
          ...forCondition,
          ...forBody,
          ...movingConstants.map((i) => tangents[bodyAt + i - numCarry]!),
        ],
        { condition: wider, body: moved, numCarry: numAll },
      );
      const floats = floatOutputs(body);
      return body.outputs.map((_, k) =>
        floats.includes(k) ? outputs[numCarry + floats.indexOf(k)] : undefined,
      );
    },
    vjp() {
      throw new DomainError(
        "whileLoop: no gradient of a loop whose number of steps is unknown; use scan with a fixed number, or jvp",
      );
    },
  },
  batching: {
    kind: "rule",
    rule(inputs, batched, attrs, batchSize) {
      const { condition, body, numCarry } = attrs;
      const bodyAt = condition.inputs.length;
      const all = inputs.map((x, i) =>
        i < numCarry && !batched[i] ? broadcastTo(x, [batchSize, ...x.shape]) : x,
      );
      const axis = (i: number): 0 | null => (i < numCarry || batched[i] ? 0 : null);
      const conditionAxes = condition.inputs.map((_, i) => axis(i));
      const bodyAxes = body.inputs.map((_, i) => axis(i < numCarry ? i : i - numCarry + bodyAt));
      const goesOn = (state: NdArray[], constants: NdArray[]): NdArray =>
        vmap((...members: NdArray[]) => applyGraph(condition, members), { inAxes: conditionAxes })(
          ...state,
          ...constants,
        )[0]!;
      const [state, forCondition, forBody] = split(all, attrs);
      const avals = (list: readonly NdArray[]): ReturnType<typeof avalOf>[] => list.map(avalOf);
      // members that are done keep their state
      const wideBody = graphOf(
        "whileLoop",
        avals([...state, ...forBody, ...forCondition]),
        (arrays) => {
          const [before, constants, others] = [
            arrays.slice(0, numCarry),
            arrays.slice(numCarry, numCarry + forBody.length),
            arrays.slice(numCarry + forBody.length),
          ];
          const on = goesOn(before, others);
          const after = vmap((...members: NdArray[]) => applyGraph(body, members), {
            inAxes: bodyAxes,
          })(...before, ...constants);
          return after.map((y, k) =>
            where(
              reshape(on, [batchSize, ...new Array<number>(y.shape.length - 1).fill(1)]),
              y,
              before[k]!,
            ),
          );
        },
      );
      const wideCondition = graphOf("whileLoop", avals([...state, ...forCondition]), (arrays) => [
        any(goesOn(arrays.slice(0, numCarry), arrays.slice(numCarry))),
      ]);
      return bind(whilePrimitive, [...state, ...forCondition, ...forBody, ...forCondition], {
        condition: wideCondition,
        body: wideBody,
        numCarry,
      });
    },
  },
};

/**
 * Options of {@link whileLoop}.
 * @category Control flow
 */
export interface WhileOptions {
  /** Stop after this many steps in any case; default no limit. */
  readonly maxIterations?: number;
}

const WHILE: Schema<WhileOptions> = { maxIterations: wholeNumber(0, 2 ** 53) };

/**
 * A loop that goes on while a condition on its state holds.
 *
 * Inside {@link compile} both functions are traced once and the loop runs in the program. Forward derivatives exist there, gradients do
 * not, because the number of steps is unknown: use {@link scan} for those. Elsewhere it is an ordinary loop and has both.
 *
 * @param condition - function of the state to a single truth value
 * @param body - one step, from state to state with the same structure, shapes and types
 * @param init - the first state, a tree of arrays
 * @param options - see {@link WhileOptions}
 * @returns the first state on which the condition fails
 * @throws `ShapeError` when a step changes the shape of the state, or the condition is not a single value
 * @example
 * ```ts
 * import { array, item, less, mul } from "@provably/core-tensor";
 * import { whileLoop } from "@provably/core-tensor/compile";
 *
 * item(whileLoop((x) => less(x, 100), (x) => mul(x, 2), array(3))); // => 192
 * ```
 * @category Control flow
 */
export function whileLoop<S>(
  condition: (state: S) => NdArray,
  body: (state: S) => S,
  init: S,
  options: WhileOptions = {},
): S {
  check("whileLoop", "condition", condition, anyFunction);
  check("whileLoop", "body", body, anyFunction);
  const { maxIterations } = checkOptions("whileLoop", options, WHILE);
  const start = asTree("whileLoop", init) as S;
  // under vmap the members differ in their number of steps, and the loop is recorded too
  if (!isTracing() && concreteOf(checkSingle(condition(start))) !== undefined)
    return run(condition, body, start, maxIterations ?? Infinity);
  if (maxIterations !== undefined) return counted(condition, body, start, maxIterations);
  const state = treeLeaves(start);
  const test = traceGraph((s: S) => notEqual(checkSingle(condition(s)), 0), [start], "whileLoop");
  const step = traceGraph((s: S) => stateLike(start, body(s)), [start], "whileLoop");
  checkSame("whileLoop", "the state", step.graph.outputs, state);
  const attrs = { condition: test.graph, body: step.graph, numCarry: state.length };
  return treeFill(
    start,
    bind(whilePrimitive, [...state, ...test.captures, ...step.captures], attrs),
  );
}

/** The same loop with a counter in its state. */
function counted<S>(
  condition: (state: S) => NdArray,
  body: (state: S) => S,
  init: S,
  maxIterations: number,
): S {
  const steps = zerosOf({ dtype: "int32", shape: [] });
  const [last] = whileLoop<[S, NdArray]>(
    ([s, i]) => logicalAnd(checkSingle(condition(s)), less(i, maxIterations)),
    ([s, i]) => [body(s), add(i, 1)],
    [init, steps],
  );
  return last;
}

/** The arrays of the next state in the order of the first. */
function stateLike<S>(start: S, next: S): NdArray[] {
  const says = "the state must keep its structure";
  return leavesLike("whileLoop", says, start, asTree("whileLoop", next));
}

function checkSingle(result: NdArray): NdArray {
  const x = toArray("whileLoop", result, "the condition");
  if (x.size !== 1)
    throw new ShapeError(
      `whileLoop: condition must give a single value, got shape [${x.shape.join(", ")}]`,
    );
  return reshape(x, []);
}

function run<S>(
  condition: (state: S) => NdArray,
  body: (state: S) => S,
  init: S,
  maxIterations: number,
): S {
  let state = init;
  for (let i = 0; i < maxIterations && item(checkSingle(condition(state))) !== 0; i++) {
    const next = stateLike(init, body(state));
    checkSame("whileLoop", "the state", next, treeLeaves(state));
    state = treeFill(init, next);
  }
  return state;
}
