/** Graphs inside control flow: lowered like a program, but run on memory that the program around them provides. */
import { sizeOf } from "../../array/shape.js";
import type { Graph, Node } from "../../graph/graph.js";
import { type Arena, planArena } from "./plan/lifetime.js";
import { SIZES } from "./plan/group.js";
import { type Place, isWhole } from "./plan/place.js";
import type { CondAttrs } from "../../graph/control/cond.js";
import type { ScanAttrs } from "../../graph/control/scan.js";
import type { WhileAttrs } from "../../graph/control/while-loop.js";
import type { Draft } from "./draft.js";
import { inOrder } from "./loop.js";
import { type Lowered, type Machine, type Step, addressOf, copyInto, viewAt } from "./machine.js";

/** A lowered graph whose inputs and outputs lie wherever the caller says. */
export class Routine {
  readonly lowered: Lowered;
  readonly machine: Machine;
  private readonly arena: Arena;
  /** Outputs that steps write right where they belong: buffer id, or −1 where the output is copied. */
  private readonly direct: number[];

  constructor(draft: Draft, graph: Graph) {
    this.lowered = draft.nested(graph);
    const { buffers, inputs, outputs } = this.lowered;
    this.machine = { store: draft.store, address: new Array<number>(buffers.length).fill(0) };
    const taken = new Set(inputs.map((place) => place?.buffer.id));
    this.direct = outputs.map((place) => {
      const { id, kind } = place.buffer;
      if (kind !== "arena" || !isWhole(place) || taken.has(id)) return -1;
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
    const { address, store } = this.machine;
    for (const [id, offset] of this.arena.offsets) address[id] = at + offset;
    this.lowered.inputs.forEach((place, i) => {
      if (place !== undefined) address[place.buffer.id] = inputs[i]!;
    });
    this.direct.forEach((id, k) => {
      if (id >= 0) address[id] = outputs[k]!;
    });
    for (const [id, home] of this.arena.followers) address[id] = address[home]!;
    for (const step of this.lowered.steps) step.run(this.machine);
    this.lowered.outputs.forEach((place, k) => {
      if (this.direct[k]! < 0)
        copyInto(
          viewAt(this.machine, place),
          store.views[place.dtype],
          outputs[k]! / SIZES[place.dtype],
        );
    });
  }
}

/** A block for each output of a graph, one after the other. */
function blocks(draft: Draft, graph: Graph, count: number): Place[] {
  return graph.outputs.slice(0, count).map(({ dtype, shape }) => draft.fresh(dtype, shape));
}

function bytesOf(place: Place): number {
  return sizeOf(place.shape) * SIZES[place.dtype];
}

export function lowerControl(draft: Draft, node: Node, inputs: readonly Place[]): boolean {
  switch (node.primitive.name) {
    case "scan":
      lowerScan(draft, node, inputs, node.attrs as ScanAttrs);
      return true;
    case "whileLoop":
      lowerWhile(draft, node, inputs, node.attrs as WhileAttrs);
      return true;
    case "cond":
      lowerCond(draft, node, inputs, node.attrs as CondAttrs);
      return true;
    default:
      return false;
  }
}

/** Copies elements between places of one shape, both row-major, unless they are the same. */
function move(machine: Machine, from: Place, to: Place): void {
  const [at, goal] = [addressOf(machine, from), addressOf(machine, to)];
  if (at !== goal) machine.store.views.uint8.copyWithin(goal, at, at + bytesOf(from));
}

/** States at first whose memory the states at last may take over: those that are nothing else to the step. */
function takenOver(
  inputs: readonly Place[],
  outputs: readonly Place[],
  numCarry: number,
): NonNullable<Step["replaces"]> {
  return inputs.slice(0, numCarry).flatMap((place, k) => {
    const once = inputs.filter((other) => other.buffer === place.buffer).length === 1;
    return once && isWhole(place) ? [{ old: place.buffer, by: outputs[k]!.buffer }] : [];
  });
}

/** The second set of blocks for a state: where a step may write what it reads, the first one again. */
function spareBlocks(draft: Draft, body: Routine, homes: readonly Place[]): Place[] {
  return homes.map((home, k) => (body.inPlace(k) ? home : draft.fresh(home.dtype, home.shape)));
}

/** The state goes to and fro between two sets of blocks, so that a step never overwrites what it still needs. */
function lowerScan(draft: Draft, node: Node, given: readonly Place[], attrs: ScanAttrs): void {
  const { body, numCarry, numStacked, length, reverse } = attrs;
  const routine = new Routine(draft, body);
  draft.adopt(routine);
  const inputs = given.map((place) => inOrder(draft, place));
  const outputs = node.outputs.map((y) => draft.fresh(y.dtype, y.shape));
  node.outputs.forEach((y, k) => draft.set(y, outputs[k]!));
  const spare = spareBlocks(draft, routine, outputs.slice(0, numCarry));
  const arena = draft.work(routine.arenaBytes);
  const slices = [...inputs.slice(numCarry, numCarry + numStacked), ...outputs.slice(numCarry)].map(
    (p) => (length === 0 ? 0 : bytesOf(p) / length),
  );
  draft.step({
    label: `scan of ${length} steps, ${routine.numSteps} calls each`,
    nodes: [node],
    inner: routine.lowered.steps,
    reads: inputs.map((p) => p.buffer),
    writes: [...outputs, ...spare].map((p) => p.buffer).concat(arena),
    replaces: takenOver(inputs, outputs, numCarry),
    run(machine) {
      const at = machine.address[arena.id]!;
      // an even number of steps from the outputs' blocks ends in them
      const homes = [outputs.slice(0, numCarry), spare].map((set) =>
        set.map((p) => addressOf(machine, p)),
      );
      let side = length % 2;
      inputs.slice(0, numCarry).forEach((p, i) => {
        move(machine, p, side === 0 ? outputs[i]! : spare[i]!);
      });
      const stacked = inputs
        .slice(numCarry, numCarry + numStacked)
        .map((p) => addressOf(machine, p));
      const constants = inputs.slice(numCarry + numStacked).map((p) => addressOf(machine, p));
      const results = outputs.slice(numCarry).map((p) => addressOf(machine, p));
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

function lowerWhile(draft: Draft, node: Node, given: readonly Place[], attrs: WhileAttrs): void {
  const { condition, body, numCarry } = attrs;
  const [test, step] = [new Routine(draft, condition), new Routine(draft, body)];
  draft.adopt(test);
  draft.adopt(step);
  const inputs = given.map((place) => inOrder(draft, place));
  const outputs = node.outputs.map((y) => draft.fresh(y.dtype, y.shape));
  node.outputs.forEach((y, k) => draft.set(y, outputs[k]!));
  const spare = spareBlocks(draft, step, outputs.slice(0, numCarry));
  const [verdict] = blocks(draft, condition, 1) as [Place];
  const arena = draft.work(Math.max(test.arenaBytes, step.arenaBytes));
  const bodyAt = condition.inputs.length;
  draft.step({
    label: `while, ${test.numSteps} calls for the condition, ${step.numSteps} for the body`,
    nodes: [node],
    inner: [...test.lowered.steps, ...step.lowered.steps],
    reads: inputs.map((p) => p.buffer),
    writes: [...outputs, ...spare, verdict].map((p) => p.buffer).concat(arena),
    replaces: takenOver(inputs, outputs, numCarry),
    run(machine) {
      const at = machine.address[arena.id]!;
      const homes = [outputs, spare].map((set) => set.map((p) => addressOf(machine, p)));
      inputs.slice(0, numCarry).forEach((p, i) => {
        move(machine, p, outputs[i]!);
      });
      const forCondition = inputs.slice(numCarry, bodyAt).map((p) => addressOf(machine, p));
      const forBody = inputs.slice(bodyAt).map((p) => addressOf(machine, p));
      const flag = addressOf(machine, verdict);
      let side = 0;
      const goesOn = (): boolean => {
        test.run(at, [...homes[side]!, ...forCondition], [flag]);
        return machine.store.views.uint8[flag] !== 0;
      };
      for (; goesOn(); side = 1 - side)
        step.run(at, [...homes[side]!, ...forBody], homes[1 - side]!);
      if (side === 1)
        spare.forEach((p, i) => {
          move(machine, p, outputs[i]!);
        });
    },
  });
}

function lowerCond(draft: Draft, node: Node, given: readonly Place[], attrs: CondAttrs): void {
  const [yes, no] = [new Routine(draft, attrs.yes), new Routine(draft, attrs.no)];
  draft.adopt(yes);
  draft.adopt(no);
  const [predicate, ...operands] = given.map((place) => inOrder(draft, place)) as [
    Place,
    ...Place[],
  ];
  const outputs = node.outputs.map((y) => draft.fresh(y.dtype, y.shape));
  node.outputs.forEach((y, k) => draft.set(y, outputs[k]!));
  const arena = draft.work(Math.max(yes.arenaBytes, no.arenaBytes));
  draft.step({
    label: `cond, ${yes.numSteps} calls or ${no.numSteps}`,
    nodes: [node],
    inner: [...yes.lowered.steps, ...no.lowered.steps],
    reads: [predicate, ...operands].map((p) => p.buffer),
    writes: outputs.map((p) => p.buffer).concat(arena),
    run(machine) {
      const { data, offset } = viewAt(machine, predicate);
      const branch = data[offset] !== 0 ? yes : no;
      const [from, to] = [operands, outputs].map((list) =>
        list.map((p) => addressOf(machine, p)),
      ) as [number[], number[]];
      branch.run(machine.address[arena.id]!, from, to);
    },
  });
}
