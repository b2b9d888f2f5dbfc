/**
 * Which stages get a kernel and memory of their own. A stage is written into the kernels of its consumers where that repeats no work:
 * all of them lie in one kernel and read it at the same place, or it is cheap. What is read again and again, what is a loop read at a
 * foreign place, and every output gets its own kernel.
 */
import { sameShape } from "../../array/shape.js";
import type { Slot } from "./kernel.js";
import type { DeviceFunction } from "../../forms/device.js";
import { KernelText, Space } from "./kernel.js";
import { Given, type Stage, Uniform } from "./stage.js";
import { Elementwise } from "./stages/elementwise.js";
import { Fold } from "./stages/folds.js";
import { Reshape, Row } from "./stages/views.js";
import { WeightedSum } from "./stages/weighted-sum.js";

/** One kernel of a program: its source, what it reads and what it writes. */
export interface PlannedKernel {
  readonly source: string;
  /** Functions that the source calls. */
  readonly functions: readonly DeviceFunction[];
  readonly reads: readonly Slot[];
  readonly writes: Slot;
  /** Elements that a thread computes. */
  readonly lanes: number;
  /** Labels of the stages written into it. */
  readonly stages: readonly string[];
}

/** What a device wants of kernels. */
export interface DeviceShape {
  /** Arrays that one kernel may read. */
  readonly maxArrays: number;
  /** Elements of a result from which on a thread may compute several neighbours; fewer would leave threads idle. */
  readonly wideFrom: number;
}

/** Neighbours that a thread computes where they share what they read. */
const LANES = 4;

/** Recomputing up to this much work is cheaper than a pass through memory; for a single number, than starting a kernel. */
const cheap = (x: Stage): number => (x.size === 1 ? 64 : 3);

/** Where a stage is written: in which kernel, at which place of its text, and how often. */
interface Placement {
  readonly kernel: Stage;
  readonly place: string;
  readonly repeated: boolean;
}

/** The stages below `outputs`, operands first. */
function ordered(outputs: readonly Stage[]): Stage[] {
  const done = new Set<Stage>();
  const stack: { stage: Stage; next: number }[] = [];
  for (const output of outputs) {
    if (!done.has(output)) stack.push({ stage: output, next: 0 });
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const operand = top.stage.operands[top.next++];
      if (operand === undefined) {
        done.add(top.stage);
        stack.pop();
      } else if (!done.has(operand)) stack.push({ stage: operand, next: 0 });
    }
  }
  return [...done];
}

function given(x: Stage): boolean {
  return x instanceof Given || x instanceof Uniform;
}

/**
 * Decides what lies in memory, and writes the kernels in an order of execution. `kept` lies in memory in any case where it is needed.
 */
export function plan(
  outputs: readonly Stage[],
  kept: ReadonlySet<Stage>,
  { maxArrays, wideFrom }: DeviceShape,
): PlannedKernel[] {
  const stages = ordered(outputs);
  const inMemory = new Set<Stage>(outputs.filter((x) => !given(x)));
  for (const x of stages) if (kept.has(x) && !given(x)) inMemory.add(x);
  place(stages, inMemory);
  for (const stage of stages) if (inMemory.has(stage)) fit(stage, inMemory, maxArrays);
  for (const stage of inMemory) stage.slot = { size: stage.size };
  return stages
    .filter((x) => inMemory.has(x))
    .map((x) => write(x, x.size >= wideFrom && sharing(x, inMemory) ? LANES : 1));
}

/** Adds to `inMemory` what has to lie there. */
function place(stages: readonly Stage[], inMemory: Set<Stage>): void {
  const cost = new Map<Stage, number>();
  // a loop that is read at a foreign place will lie in memory, and costs nothing there
  for (const x of stages)
    cost.set(
      x,
      x.operands.reduce((total, y) => total + (y.work === Infinity ? 0 : cost.get(y)!), x.work),
    );
  const placements = new Map<Stage, Placement[]>(stages.map((x) => [x, []]));
  const number = new Map(stages.map((x, k) => [x, k]));
  for (const x of [...stages].reverse()) {
    if (given(x)) continue;
    const at = placements.get(x)!;
    if (!inMemory.has(x) && x.work > 0 && !(x instanceof Fold && x.onTheWay)) {
      const together = at.every((p) => p.kernel === at[0]!.kernel && p.place === at[0]!.place);
      const repeated = at.some((p) => p.repeated) || !together;
      if (
        x.work === Infinity ? repeated || at[0]!.place !== "" : repeated && cost.get(x)! > cheap(x)
      )
        inMemory.add(x);
    }
    const mine: readonly Placement[] = inMemory.has(x)
      ? [{ kernel: x, place: "", repeated: false }]
      : at;
    x.operands.forEach((operand, k) => {
      const reading = x.reading(k);
      for (const p of mine) {
        const elsewhere = `${p.place}/${number.get(x)}.${k}`;
        if (reading === "same" || (reading === "flat" && p.place === ""))
          placements.get(operand)!.push(p);
        else {
          if (
            (x instanceof Row || (reading === "flat" && x instanceof Reshape && !x.anywhere)) &&
            !given(operand)
          )
            inMemory.add(operand);
          placements
            .get(operand)!
            .push({ ...p, place: elsewhere, repeated: p.repeated || reading === "repeated" });
        }
      }
    });
  }
}

/** The arrays that the kernel of `root` reads. */
function arraysOf(root: Stage, inMemory: ReadonlySet<Stage>): Set<Stage> {
  const arrays = new Set<Stage>();
  const seen = new Set<Stage>();
  const visit = (x: Stage): void => {
    for (const operand of x.operands) {
      if (operand instanceof Given || inMemory.has(operand)) arrays.add(operand);
      else if (!seen.has(operand)) {
        seen.add(operand);
        visit(operand);
      }
    }
  };
  visit(root);
  return arrays;
}

/** Takes stages out of the kernel of `root` until it reads no more arrays than it may. */
function fit(root: Stage, inMemory: Set<Stage>, maxArrays: number): void {
  while (arraysOf(root, inMemory).size > maxArrays) {
    const inside = new Set<Stage>();
    const visit = (x: Stage): void => {
      for (const operand of x.operands)
        if (!given(operand) && !inMemory.has(operand) && !inside.has(operand)) {
          inside.add(operand);
          visit(operand);
        }
    };
    visit(root);
    const counted = [...inside]
      .filter((x) => x instanceof Elementwise || x.work > 0)
      .map((x) => ({ x, count: arraysOf(x, inMemory).size }))
      .filter(({ count }) => count > 1 && count <= maxArrays)
      .sort((a, b) => b.count - a.count);
    if (counted.length === 0) return;
    inMemory.add(counted[0]!.x);
  }
}

/** Whether the kernel of `root` is best written for several neighbours at a time: sums whose terms share elements, as in products. */
function sharing(root: Stage, inMemory: ReadonlySet<Stage>): boolean {
  if (root.shape.length === 0 || root.shape[root.shape.length - 1]! % LANES !== 0) return false;
  let shares = false;
  let possible = true;
  const visit = (x: Stage, place: "own" | "foreign"): void => {
    if (
      (x instanceof Fold || x instanceof WeightedSum) &&
      x.shares &&
      place === "own" &&
      sameShape(x.shape, root.shape)
    )
      shares = true;
    x.operands.forEach((operand, k) => {
      if (given(operand) || inMemory.has(operand)) return;
      if (x instanceof Reshape && !x.anywhere) possible = false;
      visit(operand, place === "own" && x.reading(k) === "same" ? "own" : "foreign");
    });
  };
  visit(root, "own");
  return shares && possible;
}

/** The kernel of a stage that lies in memory. */
function write(root: Stage, lanes: number): PlannedKernel {
  const kernel = new KernelText();
  const stages: string[] = [];
  const element = (x: Stage, space: Space): string => {
    if (x instanceof Uniform) return x.write();
    if (x.slot !== undefined && x !== root)
      return space.once(x, () => kernel.element(x.slot!, space.rowMajor(x.shape)));
    return space.once(x, () => {
      const text = x.write(space, (k, at) => element(x.operands[k]!, at));
      if (x.work > 0) stages.push(x.label);
      return kernel.constant(text);
    });
  };
  if (lanes > 1) kernel.lanes = Space.lanes(kernel, root.shape, lanes);
  const results = (lanes > 1 ? kernel.lanes : [Space.own(kernel, root.shape)]).map((space) =>
    element(root, space),
  );
  const source = kernel.finish(lanes > 1 ? `[${results.join(", ")}]` : results[0]!);
  return {
    source,
    functions: [...kernel.functions],
    reads: kernel.slots,
    writes: root.slot!,
    lanes,
    stages: stages.length > 0 ? [...new Set(stages)] : ["copy"],
  };
}
