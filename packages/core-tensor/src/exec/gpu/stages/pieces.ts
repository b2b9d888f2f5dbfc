/** Arrays put together from parts, and parts picked by index. */
import type { Shape } from "../../../array/shape.js";
import type { KernelText, Place, Space } from "../kernel.js";
import { type Reading, Stage, Uniform, type WriteOperand } from "../stage.js";
import { Reshape, type Window } from "./views.js";

/** The place under a name, as a float. */
export function named(kernel: KernelText, { text }: Place): Place {
  return { text: kernel.constant(text), integer: false };
}

export class Concat extends Stage {
  readonly work = 1;
  readonly label = "concat";

  constructor(
    parts: readonly Stage[],
    readonly axis: number,
    shape: Shape,
  ) {
    super(shape, parts[0]!.dtype, parts);
  }

  reading(): Reading {
    return "moved";
  }

  write(space: Space, operand: WriteOperand): string {
    const { kernel } = space;
    const p = named(kernel, space.place(this.axis)).text;
    const v = kernel.variable("0");
    let from = 0;
    this.operands.forEach((part, k) => {
      const to = from + part.shape[this.axis]!;
      // branches, not a choice of values: a choice would read outside the part
      kernel.block(`if (${p} >= ${from} && ${p} < ${to})`, () => {
        const inner = space.with(this.axis, { place: { text: from === 0 ? p : `(${p} - ${from})`, integer: false }, start: 0, step: 1 });
        kernel.line(`${v} = ${operand(k, inner)};`);
      });
      from = to;
    });
    return v;
  }
}

/** Zeros around and between the elements of the operand. */
export class Embed extends Stage {
  readonly work = 1;
  readonly label = "embed";

  constructor(
    x: Stage,
    readonly window: Window,
    shape: Shape,
  ) {
    super(shape, x.dtype, [x]);
  }

  reading(): Reading {
    return "moved";
  }

  write(space: Space, operand: WriteOperand): string {
    const { kernel } = space;
    const { start, step, count } = this.window;
    const conditions: string[] = [];
    const axes = space.axes.map((a, k) => {
      const [s, d, n] = [start[k]!, step[k]!, count[k]!];
      if (s === 0 && d === 1 && n === this.shape[k]) return a;
      const p = kernel.constant(`(${named(kernel, space.place(k)).text} - ${s < 0 ? `(${s})` : s}) / ${d < 0 ? `(${d})` : d}`);
      // quotients of whole numbers are rounded in shaders, so nearness decides
      const q = kernel.constant(`Math.floor(${p} + 0.5)`);
      conditions.push(`${q} >= 0`, `${q} < ${n}`);
      if (Math.abs(d) !== 1) conditions.push(`Math.abs(${p} - ${q}) < ${0.25 / Math.abs(d)}`);
      return { place: { text: q, integer: false }, start: 0, step: 1 };
    });
    const v = kernel.variable("0");
    kernel.block(`if (${conditions.join(" && ") || "true"})`, () => kernel.line(`${v} = ${operand(0, space.at(axes))};`));
    return v;
  }
}

/** An index as a place: negative ones counted from the end. A shader cannot throw, so what lies outside reads the nearest element. */
function indexed(kernel: KernelText, index: string, extent: number): Place {
  const i = kernel.constant(index);
  return { text: kernel.constant(`Math.max(0, Math.min(${extent - 1}, ${i} < 0 ? ${i} + ${extent} : ${i}))`), integer: false };
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

/** Where a block begins along an axis: a start that is data, moved back where the block would reach beyond the axis. */
function blockStart(space: Space, operand: WriteOperand, k: number, batch: number, axis: number, extent: number, count: number): string {
  const { kernel } = space;
  const entry = { place: { text: String(axis), integer: true }, start: 0, step: 1 };
  const s = kernel.constant(operand(k, space.at([...space.axes.slice(0, batch), entry])));
  return kernel.constant(`Math.max(0, Math.min(${extent - count}, ${s} < 0 ? ${s} + ${extent} : ${s}))`);
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
      return { place: { text: space.kernel.constant(`${s} + ${named(space.kernel, space.place(k)).text}`), integer: false }, start: 0, step: 1 };
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
    kernel.block(`if (${conditions.join(" && ")})`, () => kernel.line(`${v} = ${operand(1, space.at(axes))};`));
    return v;
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
      const i = kernel.constant(operand(1, list ? space.at([along]) : space.with(this.axis, along)));
      kernel.block(`if (${i} === ${p} || ${i} + ${extent} === ${p})`, () =>
        kernel.line(`${total} = ${total} + ${operand(0, space.with(this.axis, along))};`),
      );
    });
    return total;
  }
}

/** Arrays side by side on a new first axis. Rows are read, and results fetched, one by one; joined they are only where a kernel needs all. */
export class Stacked extends Stage {
  readonly work = 0;
  readonly label = "stack";

  constructor(readonly rows: readonly Stage[]) {
    const { shape, dtype } = rows[0]!;
    const lined = rows.map((x) => new Reshape(x, [1, ...shape]));
    super([rows.length, ...shape], dtype, [concat(lined, 0)]);
  }

  reading(): Reading {
    return "same";
  }

  write(space: Space, operand: WriteOperand): string {
    return operand(0, space);
  }
}

/** Parts joined along an axis; many parts are joined in groups, since a kernel reads a handful of arrays only. */
export function concat(parts: readonly Stage[], axis: number): Stage {
  const filled = parts.filter((part) => part.size > 0);
  const first = parts[0]!;
  const shape = (list: readonly Stage[]): number[] =>
    first.shape.map((n, k) => (k === axis ? list.reduce((total, part) => total + part.shape[axis]!, 0) : n));
  if (filled.length === 0) return new Uniform(shape(parts), first.dtype, 0);
  if (filled.length === 1) return filled[0]!;
  const sources = new Set(filled.map(root));
  if (sources.size <= 5) return new Concat(filled, axis, shape(filled));
  const groups: Stage[] = [];
  for (let k = 0; k < filled.length; k += 5) groups.push(concat(filled.slice(k, k + 5), axis));
  return concat(groups, axis);
}

function root(x: Stage): Stage {
  return x.work === 0 && x.operands.length === 1 ? root(x.operands[0]!) : x;
}
