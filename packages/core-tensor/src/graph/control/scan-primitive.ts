/** The primitive of loops of a fixed number of steps: its derivatives, which run the loop forwards and backwards, and its batching. */
import { isFloat } from "../../array/dtype.js";
import type { DenseArray, NdArray } from "../../array/ndarray.js";
import { add } from "../../ops/arithmetic.js";
import { broadcastTo } from "../../ops/broadcast.js";
import { stack } from "../../ops/join.js";
import { moveAxis, reshape } from "../../ops/reshape.js";
import { slice } from "../../ops/slice.js";
import { bind } from "../../trace/bind.js";
import type { Primitive } from "../../trace/primitive.js";
import { vmap } from "../../transform/vmap.js";
import { type Graph, applyGraph } from "../graph.js";
import { interpreter } from "../interpret.js";
import { avalOf, floatOutputs, graphOf, pullGraph, pushGraph, zerosOf } from "./body.js";

/**
 * Attributes of the primitive `scan`. Inputs are the carry, the stacked arrays `[length, …]` and constants of the loop, in this order;
 * outputs are the last carry and the stacked results. `body` takes the carry, one slice of each stacked array, and the constants.
 */
export interface ScanAttrs {
  readonly body: Graph;
  readonly numCarry: number;
  readonly numStacked: number;
  readonly length: number;
  /** Last slice first; results keep the place of their slice. */
  readonly reverse: boolean;
}

/** Slice `t` of the leading axis. */
export function row(x: NdArray, t: number): NdArray {
  return reshape(slice(x, [t], [t + 1]), x.shape.slice(1));
}

export const scanPrimitive: Primitive<ScanAttrs> = {
  name: "scan",
  shape(_inputs, { body, numCarry, length }) {
    return body.outputs.map(({ shape, dtype }, k) => ({
      dtype,
      shape: k < numCarry ? shape : [length, ...shape],
    }));
  },
  evaluate(inputs, attrs) {
    const program = interpreter(attrs.body);
    // slices and stacks of dense arrays are dense
    return loop(inputs, attrs, (all) => program.run(all as DenseArray[])) as DenseArray[];
  },
  derivative: {
    kind: "rules",
    jvp({ inputs, tangents, attrs }) {
      const { body, numCarry, numStacked, length, reverse } = attrs;
      const isCarry = (i: number): boolean => i < numCarry;
      // every float of the carry moves, and what comes in moving
      const moving = inputs.flatMap((x, i) =>
        isFloat(x.dtype) && (isCarry(i) || tangents[i] !== undefined) ? [i] : [],
      );
      const part = (from: number, to: number): number[] =>
        moving.filter((i) => i >= from && i < to);
      const groups = [
        part(0, numCarry),
        part(numCarry, numCarry + numStacked),
        part(numCarry + numStacked, inputs.length),
      ] as const;
      const floats = floatOutputs(body);
      const carried = floats.filter(isCarry).length;
      // carry, its tangents, stacked, their tangents, constants, their tangents
      const order = [
        ...range(0, numCarry),
        ...groups[0].map((i) => inputs.length + i),
        ...range(numCarry, numCarry + numStacked),
        ...groups[1].map((i) => inputs.length + i),
        ...range(numCarry + numStacked, inputs.length),
        ...groups[2].map((i) => inputs.length + i),
      ];
      const avals = order.map((i) => avalOf(body.inputs[i % inputs.length]!));
      const moved = graphOf("scan", avals, (arrays) => {
        const primal = range(0, inputs.length).map((i) => arrays[order.indexOf(i)]!);
        const along = moving.map((i) => arrays[order.indexOf(inputs.length + i)]!);
        const run = pushGraph(body, primal, moving, along);
        const [carry, rest] = [run.outputs.slice(0, numCarry), run.outputs.slice(numCarry)];
        return [
          ...carry,
          ...run.tangents.slice(0, carried),
          ...rest,
          ...run.tangents.slice(carried),
        ];
      });
      const all = order.map((i) =>
        i < inputs.length
          ? inputs[i]!
          : (tangents[i - inputs.length] ?? zerosOf(inputs[i - inputs.length]!)),
      );
      const outputs = bind(scanPrimitive, all, {
        body: moved,
        numCarry: numCarry + groups[0].length,
        numStacked: numStacked + groups[1].length,
        length,
        reverse,
      });
      const numResults = body.outputs.length - numCarry;
      return body.outputs.map((_, k) => {
        const at = floats.indexOf(k);
        if (at < 0) return undefined;
        return isCarry(k)
          ? outputs[numCarry + at]
          : outputs[numCarry + carried + numResults + at - carried];
      });
    },
    record(inputs, attrs) {
      const { body, numCarry } = attrs;
      const kept: Graph = {
        ...body,
        outputs: [...body.outputs, ...body.inputs.slice(0, numCarry)],
      };
      const all = bind(scanPrimitive, inputs, { ...attrs, body: kept });
      return {
        outputs: all.slice(0, body.outputs.length),
        residuals: all.slice(body.outputs.length),
      };
    },
    vjp({ inputs, outputs, cotangents, attrs, needed, residuals }) {
      const { body, numCarry, numStacked, length, reverse } = attrs;
      const numInputs = inputs.length;
      const firstConstant = numCarry + numStacked;
      const carry = range(0, numCarry).filter((i) => isFloat(inputs[i]!.dtype));
      const stacked = range(numCarry, firstConstant).filter((i) => needed[i]);
      const constants = range(firstConstant, numInputs).filter((i) => needed[i]);
      const floats = floatOutputs(body);
      const results = floats.filter((k) => k >= numCarry);
      const moving = [...carry, ...stacked, ...constants];
      // carried: cotangents of the carry and of the constants. Stacked: carries, slices, cotangents of the results.
      const avals = [
        ...carry.map((i) => avalOf(body.inputs[i]!)),
        ...constants.map((i) => avalOf(body.inputs[i]!)),
        ...range(0, firstConstant).map((i) => avalOf(body.inputs[i]!)),
        ...results.map((k) => avalOf(body.outputs[k]!)),
        ...range(firstConstant, numInputs).map((i) => avalOf(body.inputs[i]!)),
      ];
      const backward = graphOf("scan", avals, (arrays) => {
        let at = 0;
        const next = (count: number): NdArray[] => arrays.slice(at, (at += count));
        const [fromCarry, sums, primal, fromResults, rest] = [
          next(carry.length),
          next(constants.length),
          next(firstConstant),
          next(results.length),
          next(numInputs - firstConstant),
        ];
        const pulled = pullGraph(body, [...primal, ...rest], moving, [
          ...fromCarry,
          ...fromResults,
        ]);
        const [toCarry, toStacked, toConstants] = [
          pulled.slice(0, carry.length),
          pulled.slice(carry.length, carry.length + stacked.length),
          pulled.slice(carry.length + stacked.length),
        ];
        return [...toCarry, ...toConstants.map((ct, i) => add(sums[i]!, ct)), ...toStacked];
      });
      const ct = (k: number): NdArray => cotangents[k] ?? zerosOf(outputs[k]!);
      const all = bind(
        scanPrimitive,
        [
          ...carry.map(ct),
          ...constants.map((i) => zerosOf(inputs[i]!)),
          ...residuals,
          ...inputs.slice(numCarry, firstConstant),
          ...results.map(ct),
          ...inputs.slice(firstConstant),
        ],
        {
          body: backward,
          numCarry: carry.length + constants.length,
          numStacked: firstConstant + results.length,
          length,
          reverse: !reverse,
        },
      );
      const order = [...carry, ...constants, ...stacked];
      return inputs.map((_, i) => (order.includes(i) ? all[order.indexOf(i)] : undefined));
    },
  },
  batching: {
    kind: "rule",
    rule(inputs, batched, attrs, batchSize) {
      const { body, numCarry, numStacked } = attrs;
      const firstConstant = numCarry + numStacked;
      // once anything varies with the member, so may the carry
      const all = inputs.map((x, i) => {
        if (i < numCarry) return batched[i] ? x : broadcastTo(x, [batchSize, ...x.shape]);
        return i < firstConstant && batched[i] ? moveAxis(x, 0, 1) : x;
      });
      const axes = inputs.map((_, i) => (i < numCarry || batched[i] ? 0 : null));
      const avals = body.inputs.map(({ dtype, shape }, i) => ({
        dtype,
        shape: axes[i] === 0 ? [batchSize, ...shape] : shape,
      }));
      const wide = graphOf("scan", avals, (arrays) =>
        vmap((...members: NdArray[]) => applyGraph(body, members), { inAxes: axes })(...arrays),
      );
      return bind(scanPrimitive, all, { ...attrs, body: wide }).map((y, k) =>
        k < numCarry ? y : moveAxis(y, 1, 0),
      );
    },
  },
};

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** Runs the body once for each slice. */
function loop(
  inputs: readonly NdArray[],
  attrs: ScanAttrs,
  run: (inputs: NdArray[]) => NdArray[],
): NdArray[] {
  const { body, numCarry, numStacked, length, reverse } = attrs;
  let carry = inputs.slice(0, numCarry);
  const stacked = inputs.slice(numCarry, numCarry + numStacked);
  const constants = inputs.slice(numCarry + numStacked);
  const rows: NdArray[][] = new Array<NdArray[]>(length);
  for (let i = 0; i < length; i++) {
    const t = reverse ? length - 1 - i : i;
    const outputs = run([...carry, ...stacked.map((x) => row(x, t)), ...constants]);
    carry = outputs.slice(0, numCarry);
    rows[t] = outputs.slice(numCarry);
  }
  const results = body.outputs
    .slice(numCarry)
    .map(({ dtype, shape }, k) =>
      length === 0 ? zerosOf({ dtype, shape: [0, ...shape] }) : stack(rows.map((r) => r[k]!)),
    );
  return [...carry, ...results];
}
