/** Arrays put together from parts. */
import type { Shape } from "../../../array/shape.js";
import { type Space, named } from "../kernel.js";
import { type Reading, Stage, Uniform, type WriteOperand } from "../stage.js";
import { Reshape, type Window } from "./views.js";

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
        const inner = space.with(this.axis, {
          place: { text: from === 0 ? p : `(${p} - ${from})`, integer: false },
          start: 0,
          step: 1,
        });
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
      const p = kernel.constant(
        `(${named(kernel, space.place(k)).text} - ${s < 0 ? `(${s})` : s}) / ${d < 0 ? `(${d})` : d}`,
      );
      // quotients of whole numbers are rounded in shaders, so nearness decides
      const q = kernel.constant(`Math.floor(${p} + 0.5)`);
      conditions.push(`${q} >= 0`, `${q} < ${n}`);
      if (Math.abs(d) !== 1) conditions.push(`Math.abs(${p} - ${q}) < ${0.25 / Math.abs(d)}`);
      return { place: { text: q, integer: false }, start: 0, step: 1 };
    });
    const v = kernel.variable("0");
    kernel.block(`if (${conditions.join(" && ") || "true"})`, () =>
      kernel.line(`${v} = ${operand(0, space.at(axes))};`),
    );
    return v;
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
    first.shape.map((n, k) =>
      k === axis ? list.reduce((total, part) => total + part.shape[axis]!, 0) : n,
    );
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
