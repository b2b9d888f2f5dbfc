/** Stages that move elements without computing: other extents, other order, parts. They cost a few index operations. */
import { type Shape, sizeOf } from "../../../array/shape.js";
import type { AxisPlace, Slot, Space } from "../kernel.js";
import { type Reading, Stage, type WriteOperand } from "../stage.js";
import { broadcastSpace } from "./elementwise.js";

abstract class View extends Stage {
  readonly work = 0;

  constructor(
    readonly label: string,
    shape: Shape,
    x: Stage,
  ) {
    super(shape, x.dtype, [x]);
  }

  abstract override reading(): Reading;

  write(space: Space, operand: WriteOperand): string {
    return operand(0, this.source(space));
  }

  /** Where in the operand the element at this place lies. */
  abstract source(space: Space): Space;
}

export class Transpose extends View {
  constructor(
    x: Stage,
    readonly order: readonly number[],
  ) {
    super(
      "transpose",
      order.map((a) => x.shape[a]!),
      x,
    );
  }

  override reading(): Reading {
    return "moved";
  }

  source(space: Space): Space {
    const axes: AxisPlace[] = [];
    this.order.forEach((a, k) => (axes[a] = space.axes[k]!));
    return space.at(axes);
  }
}

export class Broadcast extends View {
  constructor(x: Stage, shape: Shape) {
    super("broadcastTo", shape, x);
  }

  override reading(): Reading {
    return this.operands[0]!.size === this.size ? "moved" : "repeated";
  }

  source(space: Space): Space {
    return broadcastSpace(space, this.operands[0]!.shape);
  }
}

export interface Window {
  readonly start: readonly number[];
  readonly step: readonly number[];
  readonly count: readonly number[];
}

export class Slice extends View {
  constructor(
    x: Stage,
    readonly window: Window,
  ) {
    super("slice", window.count, x);
  }

  override reading(): Reading {
    return "moved";
  }

  source(space: Space): Space {
    const { start, step } = this.window;
    return space.at(
      space.axes.map((a, k) => ({
        ...a,
        start: start[k]! + a.start * step[k]!,
        step: a.step * step[k]!,
      })),
    );
  }
}

/** One row of a stack of arrays in memory. All rows are read by one kernel text, which takes the offset as an argument. */
export class Row extends View {
  private readonly part: Slot;

  constructor(x: Stage, index: number) {
    const shape = x.shape.slice(1);
    super("row", shape, x);
    this.part = { size: x.size, row: { of: () => x.slot!, offset: index * sizeOf(shape) } };
  }

  override reading(): Reading {
    return "repeated";
  }

  override write(space: Space): string {
    return space.kernel.read(this.part, space.rowMajor(this.shape));
  }

  source(space: Space): Space {
    return space;
  }
}

/** The axes of `to` in those of `from` when both differ by axes of extent 1 only: for each axis of `from` its place in `to`, −1 for extent 1. */
function unitAxes(from: Shape, to: Shape): number[] | undefined {
  const kept = to.map((n, k) => (n === 1 ? -1 : k)).filter((k) => k >= 0);
  const places = from.map((n) => (n === 1 ? -1 : kept.shift()));
  if (kept.length > 0 || places.some((k) => k === undefined)) return undefined;
  return places.every((k, i) => k === -1 || to[k!] === from[i]) ? (places as number[]) : undefined;
}

export class Reshape extends View {
  private readonly units: number[] | undefined;

  constructor(x: Stage, shape: Shape) {
    super("reshape", shape, x);
    this.units = unitAxes(x.shape, shape);
  }

  override reading(): Reading {
    return "flat";
  }

  /** Whether the operand can be written at any place, not only at the thread's own. */
  get anywhere(): boolean {
    return this.units !== undefined;
  }

  override write(space: Space, operand: WriteOperand): string {
    const x = this.operands[0]!;
    if (space.own) return operand(0, space.reshaped(x.shape));
    if (this.units !== undefined) return operand(0, this.source(space));
    // row-major order does not change: the array in memory is read as if it had these extents
    return space.kernel.read(x.slot!, space.rowMajor(this.shape));
  }

  source(space: Space): Space {
    return space.at(
      this.units!.map((k) =>
        k < 0 ? { place: { text: "0", integer: true }, start: 0, step: 1 } : space.axes[k]!,
      ),
    );
  }
}
