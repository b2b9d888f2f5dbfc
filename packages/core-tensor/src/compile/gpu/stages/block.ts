/** Blocks whose place is data. */
import type { Shape } from "../../../array/shape.js";
import { type Space, named } from "../kernel.js";
import { type Reading, Stage, type WriteOperand } from "../stage.js";

/** Where a block begins along an axis: a start that is data, moved back where the block would reach beyond the axis. */
function blockStart(
  space: Space,
  operand: WriteOperand,
  k: number,
  batch: number,
  axis: number,
  extent: number,
  count: number,
): string {
  const { kernel } = space;
  const entry = { place: { text: String(axis), integer: true }, start: 0, step: 1 };
  const s = kernel.constant(operand(k, space.at([...space.axes.slice(0, batch), entry])));
  return kernel.constant(
    `Math.max(0, Math.min(${extent - count}, ${s} < 0 ? ${s} + ${extent} : ${s}))`,
  );
}

/** A block whose start is data. The axes before those of `size` are those of a batch. */
export class DynamicSlice extends Stage {
  readonly work = 1;
  readonly label = "dynamicSlice";

  constructor(
    x: Stage,
    start: Stage,
    readonly block: Shape,
    shape: Shape,
  ) {
    super(shape, x.dtype, [x, start]);
  }

  reading(k: number): Reading {
    return k === 0 ? "moved" : "repeated";
  }

  write(space: Space, operand: WriteOperand): string {
    const [x] = this.operands as [Stage];
    const batch = this.shape.length - this.block.length;
    const axes = space.axes.map((a, k) => {
      if (k < batch || x.shape[k] === this.shape[k]) return a;
      const s = blockStart(space, operand, 1, batch, k - batch, x.shape[k]!, this.shape[k]!);
      return {
        place: {
          text: space.kernel.constant(`${s} + ${named(space.kernel, space.place(k)).text}`),
          integer: false,
        },
        start: 0,
        step: 1,
      };
    });
    return operand(0, space.at(axes));
  }
}

/** An array with a block replaced whose start is data. */
export class DynamicUpdateSlice extends Stage {
  readonly work = 1;
  readonly label = "dynamicUpdateSlice";

  constructor(
    x: Stage,
    update: Stage,
    start: Stage,
    readonly block: Shape,
  ) {
    super(x.shape, x.dtype, [x, update, start]);
  }

  reading(k: number): Reading {
    return k === 0 ? "same" : k === 1 ? "moved" : "repeated";
  }

  write(space: Space, operand: WriteOperand): string {
    const { kernel } = space;
    const update = this.operands[1]!;
    const batch = this.shape.length - this.block.length;
    const conditions: string[] = [];
    const axes = space.axes.map((a, k) => {
      if (k < batch || update.shape[k] === this.shape[k]) return a;
      const s = blockStart(space, operand, 2, batch, k - batch, this.shape[k]!, update.shape[k]!);
      const p = kernel.constant(`${named(kernel, space.place(k)).text} - ${s}`);
      conditions.push(`${p} >= 0`, `${p} < ${update.shape[k]}`);
      return { place: { text: p, integer: false }, start: 0, step: 1 };
    });
    if (conditions.length === 0) return operand(1, space);
    const v = kernel.variable(operand(0, space));
    kernel.block(`if (${conditions.join(" && ")})`, () =>
      kernel.line(`${v} = ${operand(1, space.at(axes))};`),
    );
    return v;
  }
}
