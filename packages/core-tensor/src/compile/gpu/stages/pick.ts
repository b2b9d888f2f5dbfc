/** Elements picked by index, and sums of elements by index. */
import type { Shape } from "../../../array/shape.js";
import { type KernelText, type Place, type Space, named } from "../kernel.js";
import { type Reading, Stage, type WriteOperand } from "../stage.js";

/** An index as a place: negative ones counted from the end. A shader cannot throw, so what lies outside reads the nearest element. */
function indexed(kernel: KernelText, index: string, extent: number): Place {
  const i = kernel.constant(index);
  return {
    text: kernel.constant(
      `Math.max(0, Math.min(${extent - 1}, ${i} < 0 ? ${i} + ${extent} : ${i}))`,
    ),
    integer: false,
  };
}

/** Elements along an axis picked by a list of indices. */
export class Take extends Stage {
  readonly work = 1;
  readonly label = "take";

  constructor(
    x: Stage,
    indices: Stage,
    readonly axis: number,
    shape: Shape,
  ) {
    super(shape, x.dtype, [x, indices]);
  }

  reading(): Reading {
    return "repeated";
  }

  write(space: Space, operand: WriteOperand): string {
    const at = operand(1, space.at([space.axes[this.axis]!]));
    const place = indexed(space.kernel, at, this.operands[0]!.shape[this.axis]!);
    return operand(0, space.with(this.axis, { place, start: 0, step: 1 }));
  }
}

/** Elements along an axis picked by an index each. */
export class TakeAlong extends Stage {
  readonly work = 1;
  readonly label = "takeAlongAxis";

  constructor(
    x: Stage,
    indices: Stage,
    readonly axis: number,
  ) {
    super(indices.shape, x.dtype, [x, indices]);
  }

  reading(k: number): Reading {
    return k === 0 ? "repeated" : "same";
  }

  write(space: Space, operand: WriteOperand): string {
    const place = indexed(space.kernel, operand(1, space), this.operands[0]!.shape[this.axis]!);
    return operand(0, space.with(this.axis, { place, start: 0, step: 1 }));
  }
}

/**
 * Sums of elements by index along an axis: element p is the sum of all updates whose index is p. A kernel writes its own element only,
 * so each thread looks through all indices.
 */
export class ScatterAdd extends Stage {
  readonly work = Infinity;
  readonly label = "scatterAdd";

  constructor(
    updates: Stage,
    indices: Stage,
    readonly axis: number,
    shape: Shape,
  ) {
    super(shape, updates.dtype, [updates, indices]);
  }

  reading(): Reading {
    return "repeated";
  }

  write(space: Space, operand: WriteOperand): string {
    const { kernel } = space;
    const [updates, indices] = this.operands as [Stage, Stage];
    const p = named(kernel, space.place(this.axis)).text;
    const extent = this.shape[this.axis]!;
    const total = kernel.variable("0");
    kernel.loop(updates.shape[this.axis]!, (place) => {
      const along = { place, start: 0, step: 1 };
      const list = indices.shape.length === 1 && this.shape.length !== 1;
      const i = kernel.constant(
        operand(1, list ? space.at([along]) : space.with(this.axis, along)),
      );
      kernel.block(`if (${i} === ${p} || ${i} + ${extent} === ${p})`, () =>
        kernel.line(`${total} = ${total} + ${operand(0, space.with(this.axis, along))};`),
      );
    });
    return total;
  }
}
