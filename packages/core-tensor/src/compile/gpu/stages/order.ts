/**
 * Running sums, sorting and searching along rows.
 *
 * A kernel writes its own element only and sees no other thread's, so a running sum takes ⌈log₂ n⌉ kernels of shifted additions (one loop
 * for short rows), and sorting counts: the rank of an element is the number of elements before it, and place r takes the element of rank r.
 * That is n operations for each element, exact and stable, and fast where rows have some thousands of elements.
 */
import { addPrimitive } from "../../../ops/arithmetic.js";
import { type Space, named } from "../kernel.js";
import { type Reading, Stage, Uniform, type WriteOperand } from "../stage.js";
import { elementwise } from "./elementwise.js";
import { Embed } from "./join.js";
import { Slice } from "./views.js";

/** Rows up to this long are summed up to each place in a loop. */
const SHORT = 64;

class RunningSum extends Stage {
  readonly work = Infinity;
  readonly label = "cumsum";

  constructor(
    x: Stage,
    readonly axis: number,
  ) {
    super(x.shape, x.dtype, [x]);
  }

  reading(): Reading {
    return "repeated";
  }

  write(space: Space, operand: WriteOperand): string {
    const { kernel } = space;
    const p = named(kernel, space.place(this.axis)).text;
    const total = kernel.variable("0");
    kernel.loop(this.shape[this.axis]!, (place) =>
      kernel.block(`if (${place.text} <= ${p})`, () =>
        kernel.line(
          `${total} = ${total} + ${operand(0, space.with(this.axis, { place, start: 0, step: 1 }))};`,
        ),
      ),
    );
    return total;
  }
}

export function cumsum(x: Stage, axis: number): Stage {
  const n = x.shape[axis]!;
  if (n <= SHORT) return new RunningSum(x, axis);
  let y = x;
  for (let shift = 1; shift < n; shift *= 2) {
    const count = x.shape.map((m, k) => (k === axis ? m - shift : m));
    const step = x.shape.map(() => 1);
    const earlier = new Slice(y, { start: x.shape.map(() => 0), step, count });
    const shifted = new Embed(
      earlier,
      { start: x.shape.map((_, k) => (k === axis ? shift : 0)), step, count },
      x.shape,
    );
    y = elementwise(addPrimitive, x.shape, x.dtype, [y, shifted]);
  }
  return y;
}

/** For each element of the last axis how many come before it in sorted order. */
class Rank extends Stage {
  readonly work = Infinity;
  readonly label = "rank";

  constructor(
    x: Stage,
    readonly descending: boolean,
  ) {
    super(x.shape, "int32", [x]);
  }

  reading(): Reading {
    return "repeated";
  }

  write(space: Space, operand: WriteOperand): string {
    const { kernel } = space;
    const axis = this.shape.length - 1;
    const p = named(kernel, space.place(axis)).text;
    const mine = kernel.constant(operand(0, space));
    const rank = kernel.variable("0");
    kernel.loop(this.shape[axis]!, (place) => {
      const other = kernel.constant(operand(0, space.with(axis, { place, start: 0, step: 1 })));
      kernel.block(
        `if (${other} ${this.descending ? ">" : "<"} ${mine} || (${other} === ${mine} && ${place.text} < ${p}))`,
        () => kernel.line(`${rank} = ${rank} + 1;`),
      );
    });
    return rank;
  }
}

/** The element, or the place, whose rank is the place along the last axis. */
class OfRank extends Stage {
  readonly work = Infinity;
  readonly label = "sorted";

  constructor(rank: Stage, x?: Stage) {
    super(rank.shape, x?.dtype ?? "int32", x ? [rank, x] : [rank]);
  }

  reading(): Reading {
    return "repeated";
  }

  write(space: Space, operand: WriteOperand): string {
    const { kernel } = space;
    const axis = this.shape.length - 1;
    const p = named(kernel, space.place(axis)).text;
    const found = kernel.variable("0");
    kernel.loop(this.shape[axis]!, (place) => {
      const at = space.with(axis, { place, start: 0, step: 1 });
      kernel.block(`if (${operand(0, at)} === ${p})`, () =>
        kernel.line(`${found} = ${this.operands.length === 2 ? operand(1, at) : place.text};`),
      );
    });
    return found;
  }
}

export function sort(x: Stage, descending: boolean): Stage {
  return new OfRank(new Rank(x, descending), x);
}

export function argsort(x: Stage, descending: boolean): Stage {
  return new OfRank(new Rank(x, descending));
}

/** Where each value would have to be inserted into its sorted row: bisection with a literal number of rounds. */
class Search extends Stage {
  readonly work = Infinity;
  readonly label = "searchSorted";

  constructor(
    sorted: Stage,
    values: Stage,
    readonly right: boolean,
  ) {
    super(values.shape, "int32", [sorted, values]);
  }

  reading(k: number): Reading {
    return k === 0 ? "repeated" : "same";
  }

  write(space: Space, operand: WriteOperand): string {
    const { kernel } = space;
    const axis = this.shape.length - 1;
    const n = this.operands[0]!.shape[axis]!;
    const v = kernel.constant(operand(1, space));
    const low = kernel.variable("0");
    const high = kernel.variable(String(n));
    kernel.loop(Math.ceil(Math.log2(n + 1)), () => {
      kernel.block(`if (${low} < ${high})`, () => {
        const middle = kernel.constant(`Math.floor((${low} + ${high}) * 0.5)`);
        const s = kernel.constant(
          operand(
            0,
            space.with(axis, { place: { text: middle, integer: false }, start: 0, step: 1 }),
          ),
        );
        kernel.block(`if (${s} ${this.right ? "<=" : "<"} ${v})`, () =>
          kernel.line(`${low} = ${middle} + 1;`),
        );
        kernel.block(`if (${s} ${this.right ? ">" : ">="} ${v})`, () =>
          kernel.line(`${high} = ${middle};`),
        );
      });
    });
    return low;
  }
}

export function searchSorted(sorted: Stage, values: Stage, right: boolean): Stage {
  if (sorted.shape[sorted.shape.length - 1] === 0) return new Uniform(values.shape, "int32", 0);
  return new Search(sorted, values, right);
}
