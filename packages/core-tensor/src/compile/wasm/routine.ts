/** Graphs inside control flow: lowered like a program, but run on memory that the program around them provides. */
import { sizeOf } from "../../array/shape.js";
import type { Graph, Node } from "../../graph/graph.js";
import { type Arena, planArena } from "./plan/lifetime.js";
import { SIZES } from "./plan/group.js";
import { type BufferView, isWhole } from "./plan/view.js";
import type { CondAttrs } from "../../graph/control/cond.js";
import type { ScanAttrs } from "../../graph/control/scan-primitive.js";
import type { WhileAttrs } from "../../graph/control/while-loop.js";
import type { Builder } from "./builder.js";
import { inOrder } from "./loop.js";
import {
  type LoweredGraph,
  type Runtime,
  type Step,
  addressOf,
  copyInto,
  viewAt,
} from "./runtime.js";

/** A lowered graph whose inputs and outputs lie wherever the caller says. */
export class Routine {
  readonly lowered: LoweredGraph;
  readonly runtime: Runtime;
  private readonly arena: Arena;
  /** Outputs that steps write right where they belong: buffer id, or −1 where the output is copied. */
  private readonly direct: number[];

  constructor(builder: Builder, graph: Graph) {
    this.lowered = builder.nested(graph);
    const { buffers, inputs, outputs } = this.lowered;
    this.runtime = {
      allocator: builder.allocator,
      address: new Array<number>(buffers.length).fill(0),
    };
    const taken = new Set(inputs.map((view) => view?.buffer.id));
    this.direct = outputs.map((view) => {
      const { id, kind } = view.buffer;
      if (kind !== "arena" || !isWhole(view) || taken.has(id)) return -1;
      taken.add(id);
      return id;
    });
    this.arena = planArena(this.lowered, new Set(this.direct));
  }

  get arenaBytes(): number {
    return this.arena.total;
  }

  /** Whether output `k` may be written where input `k` lies, which then is used up. */
  inPlace(k: number): boolean {
    const input = this.lowered.inputs[k];
    return (
      input !== undefined &&
      this.direct[k]! >= 0 &&
      this.arena.origins.get(this.direct[k]!) === input.buffer.id
    );
  }

  get numSteps(): number {
    return this.lowered.steps.length;
  }

  /** Runs the steps. Inputs and outputs are byte addresses of row-major elements, outputs apart from inputs except {@link inPlace}. */
  run(at: number, inputs: readonly number[], outputs: readonly number[]): void {
    const { address, allocator } = this.runtime;
    for (const [id, offset] of this.arena.offsets) address[id] = at + offset;
    this.lowered.inputs.forEach((view, i) => {
      if (view !== undefined) address[view.buffer.id] = inputs[i]!;
    });
    this.direct.forEach((id, k) => {
      if (id >= 0) address[id] = outputs[k]!;
    });
    for (const [id, home] of this.arena.followers) address[id] = address[home]!;
    for (const step of this.lowered.steps) step.run(this.runtime);
    this.lowered.outputs.forEach((view, k) => {
      if (this.direct[k]! < 0)
        copyInto(
          viewAt(this.runtime, view),
          allocator.views[view.dtype],
          outputs[k]! / SIZES[view.dtype],
        );
    });
  }
}

/** A block for each output of a graph, one after the other. */
function blocks(builder: Builder, graph: Graph, count: number): BufferView[] {
  return graph.outputs.slice(0, count).map(({ dtype, shape }) => builder.fresh(dtype, shape));
}

function bytesOf(view: BufferView): number {
  return sizeOf(view.shape) * SIZES[view.dtype];
}

export function lowerControl(builder: Builder, node: Node, inputs: readonly BufferView[]): boolean {
  switch (node.primitive.name) {
    case "scan":
      lowerScan(builder, node, inputs, node.attrs as ScanAttrs);
      return true;
    case "whileLoop":
      lowerWhile(builder, node, inputs, node.attrs as WhileAttrs);
      return true;
    case "cond":
      lowerCond(builder, node, inputs, node.attrs as CondAttrs);
      return true;
    default:
      return false;
  }
}

/** Copies elements between places of one shape, both row-major, unless they are the same. */
function move(runtime: Runtime, from: BufferView, to: BufferView): void {
  const [at, goal] = [addressOf(runtime, from), addressOf(runtime, to)];
  if (at !== goal) runtime.allocator.views.uint8.copyWithin(goal, at, at + bytesOf(from));
}

/** States at first whose memory the states at last may take over: those that are nothing else to the step. */
function takenOver(
  inputs: readonly BufferView[],
  outputs: readonly BufferView[],
  numCarry: number,
): NonNullable<Step["replaces"]> {
  return inputs.slice(0, numCarry).flatMap((view, k) => {
    const once = inputs.filter((other) => other.buffer === view.buffer).length === 1;
    return once && isWhole(view) ? [{ old: view.buffer, by: outputs[k]!.buffer }] : [];
  });
}

/** The second set of blocks for a state: where a step may write what it reads, the first one again. */
function spareBlocks(builder: Builder, body: Routine, homes: readonly BufferView[]): BufferView[] {
  return homes.map((home, k) => (body.inPlace(k) ? home : builder.fresh(home.dtype, home.shape)));
}

/** The state goes to and fro between two sets of blocks, so that a step never overwrites what it still needs. */
function lowerScan(
  builder: Builder,
  node: Node,
  given: readonly BufferView[],
  attrs: ScanAttrs,
): void {
  const { body, numCarry, numStacked, length, reverse } = attrs;
  const routine = new Routine(builder, body);
  builder.adopt(routine);
  const inputs = given.map((view) => inOrder(builder, view));
  const outputs = node.outputs.map((y) => builder.fresh(y.dtype, y.shape));
  node.outputs.forEach((y, k) => builder.set(y, outputs[k]!));
  const spare = spareBlocks(builder, routine, outputs.slice(0, numCarry));
  const arena = builder.work(routine.arenaBytes);
  const slices = [...inputs.slice(numCarry, numCarry + numStacked), ...outputs.slice(numCarry)].map(
    (p) => (length === 0 ? 0 : bytesOf(p) / length),
  );
  builder.step({
    label: `scan of ${length} steps, ${routine.numSteps} calls each`,
    nodes: [node],
    inner: routine.lowered.steps,
    reads: inputs.map((p) => p.buffer),
    writes: [...outputs, ...spare].map((p) => p.buffer).concat(arena),
    replaces: takenOver(inputs, outputs, numCarry),
    run(runtime) {
      const at = runtime.address[arena.id]!;
      // an even number of steps from the outputs' blocks ends in them
      const homes = [outputs.slice(0, numCarry), spare].map((set) =>
        set.map((p) => addressOf(runtime, p)),
      );
      let side = length % 2;
      inputs.slice(0, numCarry).forEach((p, i) => {
        move(runtime, p, side === 0 ? outputs[i]! : spare[i]!);
      });
      const stacked = inputs
        .slice(numCarry, numCarry + numStacked)
        .map((p) => addressOf(runtime, p));
      const constants = inputs.slice(numCarry + numStacked).map((p) => addressOf(runtime, p));
      const results = outputs.slice(numCarry).map((p) => addressOf(runtime, p));
      for (let i = 0; i < length; i++) {
        const t = reverse ? length - 1 - i : i;
        const from = stacked.map((address, k) => address + t * slices[k]!);
        const to = results.map((address, k) => address + t * slices[numStacked + k]!);
        routine.run(at, [...homes[side]!, ...from, ...constants], [...homes[1 - side]!, ...to]);
        side = 1 - side;
      }
    },
  });
}

function lowerWhile(
  builder: Builder,
  node: Node,
  given: readonly BufferView[],
  attrs: WhileAttrs,
): void {
  const { condition, body, numCarry } = attrs;
  const [test, step] = [new Routine(builder, condition), new Routine(builder, body)];
  builder.adopt(test);
  builder.adopt(step);
  const inputs = given.map((view) => inOrder(builder, view));
  const outputs = node.outputs.map((y) => builder.fresh(y.dtype, y.shape));
  node.outputs.forEach((y, k) => builder.set(y, outputs[k]!));
  const spare = spareBlocks(builder, step, outputs.slice(0, numCarry));
  const [verdict] = blocks(builder, condition, 1) as [BufferView];
  const arena = builder.work(Math.max(test.arenaBytes, step.arenaBytes));
  const bodyAt = condition.inputs.length;
  builder.step({
    label: `while, ${test.numSteps} calls for the condition, ${step.numSteps} for the body`,
    nodes: [node],
    inner: [...test.lowered.steps, ...step.lowered.steps],
    reads: inputs.map((p) => p.buffer),
    writes: [...outputs, ...spare, verdict].map((p) => p.buffer).concat(arena),
    replaces: takenOver(inputs, outputs, numCarry),
    run(runtime) {
      const at = runtime.address[arena.id]!;
      const homes = [outputs, spare].map((set) => set.map((p) => addressOf(runtime, p)));
      inputs.slice(0, numCarry).forEach((p, i) => {
        move(runtime, p, outputs[i]!);
      });
      const forCondition = inputs.slice(numCarry, bodyAt).map((p) => addressOf(runtime, p));
      const forBody = inputs.slice(bodyAt).map((p) => addressOf(runtime, p));
      const flag = addressOf(runtime, verdict);
      let side = 0;
      const goesOn = (): boolean => {
        test.run(at, [...homes[side]!, ...forCondition], [flag]);
        return runtime.allocator.views.uint8[flag] !== 0;
      };
      for (; goesOn(); side = 1 - side)
        step.run(at, [...homes[side]!, ...forBody], homes[1 - side]!);
      if (side === 1)
        spare.forEach((p, i) => {
          move(runtime, p, outputs[i]!);
        });
    },
  });
}

function lowerCond(
  builder: Builder,
  node: Node,
  given: readonly BufferView[],
  attrs: CondAttrs,
): void {
  const [yes, no] = [new Routine(builder, attrs.yes), new Routine(builder, attrs.no)];
  builder.adopt(yes);
  builder.adopt(no);
  const [predicate, ...operands] = given.map((view) => inOrder(builder, view)) as [
    BufferView,
    ...BufferView[],
  ];
  const outputs = node.outputs.map((y) => builder.fresh(y.dtype, y.shape));
  node.outputs.forEach((y, k) => builder.set(y, outputs[k]!));
  const arena = builder.work(Math.max(yes.arenaBytes, no.arenaBytes));
  builder.step({
    label: `cond, ${yes.numSteps} calls or ${no.numSteps}`,
    nodes: [node],
    inner: [...yes.lowered.steps, ...no.lowered.steps],
    reads: [predicate, ...operands].map((p) => p.buffer),
    writes: outputs.map((p) => p.buffer).concat(arena),
    run(runtime) {
      const { data, offset } = viewAt(runtime, predicate);
      const branch = data[offset] !== 0 ? yes : no;
      const [from, to] = [operands, outputs].map((list) =>
        list.map((p) => addressOf(runtime, p)),
      ) as [number[], number[]];
      branch.run(runtime.address[arena.id]!, from, to);
    },
  });
}
