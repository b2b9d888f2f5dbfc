/** A group of elementwise nodes, and of reductions that end them, as one loop. */
import { broadcastStrides } from "../../array/shape.js";
import type { Value } from "../../graph/graph.js";
import type { Unit } from "./plan/group.js";
import type { BufferView } from "./plan/view.js";
import { uniformValue } from "../../graph/simplify.js";
import type { Builder } from "./builder.js";
import { type Ref, stepsOf } from "../../forms/vector.js";
import { StepList, laneOf } from "./fused/steps.js";
import type { Reduction } from "./fused/spec.js";
import { isFusedReduction, isWide } from "./fusible.js";
import { type LoopResult, addLoop } from "./loop.js";

/** Nodes that run as one loop. */
export function lowerGroup(
  builder: Builder,
  unit: Unit,
  space: readonly number[],
  results: readonly Value[],
): void {
  const steps = new StepList();
  const refs = new Map<Value, Ref>();
  const operands: BufferView[] = [];
  const wide = unit.nodes.some(isWide);
  const read = (x: Value): Ref => {
    let ref = refs.get(x);
    if (ref !== undefined) return ref;
    const value = uniformValue(x);
    const lane = laneOf(x.dtype);
    if (value !== undefined && !(wide && x.dtype !== "float64")) ref = steps.constant(value, lane);
    else {
      const view = builder.view(x);
      operands.push({
        ...view,
        shape: space,
        stride: broadcastStrides(view.shape, view.stride, space),
      });
      ref = steps.operand(operands.length - 1, lane);
    }
    refs.set(x, ref);
    return ref;
  };
  const outputs: LoopResult[] = [];
  for (const node of unit.nodes) {
    const [y] = node.outputs as [Value];
    const inputs = node.inputs.map(read) as [Ref, Ref, Ref];
    const { name, elementwise } = node.primitive;
    const reduces = isFusedReduction(node);
    if (reduces || name === "asType") refs.set(y, steps.convert(inputs[0], laneOf(y.dtype)));
    else
      refs.set(
        y,
        stepsOf(elementwise!.vector)!.steps(steps, inputs, node.inputs.map(uniformValue)),
      );
    if (!results.includes(y)) continue;
    const view = builder.fresh(y.dtype, y.shape);
    builder.set(y, view);
    const step = refs.get(y)!.id;
    if (!reduces) outputs.push({ view, result: { dtype: y.dtype, step, stride: view.stride } });
    else {
      const stride = space.map((_, i) => view.stride[i] ?? 0);
      outputs.push({ view, result: { dtype: y.dtype, step, stride, reduce: name as Reduction } });
    }
  }
  addLoop(builder, {
    label: unit.nodes.map((node) => node.primitive.name).join(" "),
    nodes: unit.nodes,
    space,
    operands,
    results: outputs,
    steps,
  });
}
