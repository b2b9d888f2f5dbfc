/**
 * Reductions, and what is built of them: matrix products and convolutions are sums of products that are never stored.
 *
 * One thread computes one element of the result in a loop, four terms at a time. Where few threads would run long loops the reduction
 * is split: first partial results of interleaved parts, neighbouring threads reading neighbouring elements, then their reduction.
 */
import { literal, written } from "../../../forms/device.js";
import { mulPrimitive } from "../../../ops/arithmetic.js";
import { equalPrimitive } from "../../../ops/comparison.js";
import type { DType } from "../../../array/dtype.js";
import { type Shape, sizeOf } from "../../../array/shape.js";
import type { KernelText, Place, Space } from "../kernel.js";
import { type Reading, Stage, Uniform, type WriteOperand } from "../stage.js";
import { Elementwise, Position, elementwise } from "./elementwise.js";
import { Reshape, Transpose } from "./views.js";

/** Sum, extrema, place of extrema, and the logarithm of the sum of exponentials. */
export type FoldKind = "sum" | "max" | "min" | "argmax" | "argmin" | "logSumExp";

/** Terms taken together in one round of a loop. */
export const UNROLLED = 4;

/** Threads below which long reductions are split. */
const FEW = 1 << 14;

/** Rounds above which a reduction counts as long. */
const LONG = 256;

/** Finite ends of float32, since infinities are not reliable. */
export const LOWEST = literal(-Infinity);
const HIGHEST = literal(Infinity);

interface Part {
  readonly axis: number;
  /** How many threads share the axis; thread c takes elements c, c + count, … */
  readonly count: number;
}

export class Fold extends Stage {
  readonly work = Infinity;
  readonly label: string;
  /** Whether to compute it inside the loop of another stage rather than once for all. */
  onTheWay = false;

  constructor(
    readonly kind: FoldKind,
    x: Stage,
    readonly reduced: readonly number[],
    dtype: DType,
    readonly part?: Part,
  ) {
    const kept = x.shape.filter((_, k) => !reduced.includes(k));
    super(part ? [...kept, part.count] : kept, dtype, [x]);
    this.label = part ? `${kind} in parts` : kind;
  }

  reading(): Reading {
    return "looped";
  }

  /** Whether neighbouring results read common elements, so that a thread may well compute several. */
  get shares(): boolean {
    const [x] = this.operands;
    return (
      this.kind === "sum" &&
      this.part === undefined &&
      x instanceof Elementwise &&
      x.operands.some((_, k) => x.reading(k) === "repeated")
    );
  }

  write(space: Space, operand: WriteOperand): string {
    const { kernel } = space;
    // one loop for all elements of the thread
    const spaces = this.shares && kernel.lanes.includes(space) ? kernel.lanes : [space];
    const x = this.operands[0]!;
    const texts = spaces.map(() => ROUNDS[this.kind](kernel));
    const outer = spaces.map((lane) => {
      let kept = 0;
      return lane.at(
        x.shape.map((_, k) =>
          this.reduced.includes(k) ? { place: ZERO, start: 0, step: 1 } : lane.axes[kept++]!,
        ),
      );
    });
    const along = (k: number, at: readonly Space[]): void => {
      const axis = this.reduced[k]!;
      const n = x.shape[axis]!;
      const last = k === this.reduced.length - 1;
      const move = (lane: Space, place: Place): Space =>
        lane.with(axis, { place, start: 0, step: 1 });
      const visit = (places: readonly Place[]): void => {
        if (last)
          at.forEach((lane, l) =>
            texts[l]!.step(
              places.map((place) => operand(0, move(lane, place))),
              places,
            ),
          );
        else
          along(
            k + 1,
            at.map((lane) => move(lane, places[0]!)),
          );
      };
      if (this.part?.axis === axis) this.shared(space, n, last, visit);
      else rounds(kernel, n, last ? UNROLLED : 1, visit);
    };
    for (const text of texts) text.start();
    along(0, outer);
    const [mine, ...others] = texts.map((text) => text.result());
    spaces.slice(1).forEach((lane, l) => lane.once(this, () => others[l]!));
    return mine!;
  }

  /** The thread's share of an axis. */
  private shared(
    space: Space,
    n: number,
    last: boolean,
    visit: (places: readonly Place[]) => void,
  ): void {
    const { kernel } = space;
    const { count } = this.part!;
    const c = space.place(this.shape.length - 1);
    const mine = c.integer ? c.text : `(${c.text} | 0)`;
    const place = ({ text }: Place): Place => ({
      text: text === "0" ? mine : `(${text} * ${count} + ${mine})`,
      integer: true,
    });
    const full = Math.floor(n / count);
    rounds(kernel, full, last ? UNROLLED : 1, (places) => visit(places.map(place)));
    if (full * count < n)
      kernel.block(`if (${mine} < ${n - full * count})`, () =>
        visit([{ text: `(${full * count} + ${mine})`, integer: true }]),
      );
  }
}

const ZERO: Place = { text: "0", integer: true };

/** Visits 0 … n − 1, `unrolled` places at a time while they last. */
export function rounds(
  kernel: KernelText,
  n: number,
  unrolled: number,
  visit: (places: readonly Place[]) => void,
): void {
  const whole = n >= 2 * unrolled ? Math.floor(n / unrolled) : 0;
  if (unrolled === 1 || whole === 0) {
    kernel.loop(n, (place) => visit([place]));
    return;
  }
  kernel.loop(whole, ({ text }) =>
    visit(
      Array.from({ length: unrolled }, (_, u) => ({
        text: u === 0 ? `(${text} * ${unrolled})` : `(${text} * ${unrolled} + ${u})`,
        integer: true,
      })),
    ),
  );
  for (let i = whole * unrolled; i < n; i++) visit([{ text: String(i), integer: true }]);
}

/** The text of one kind of reduction: before the loop, for terms at their places, and the result. */
interface Rounds {
  start(): void;
  step(terms: readonly string[], places: readonly Place[]): void;
  result(): string;
}

/** Pairs combined by a binary function, as a balanced expression. */
function balanced(terms: readonly string[], combine: (a: string, b: string) => string): string {
  if (terms.length === 1) return terms[0]!;
  const half = terms.length >> 1;
  return combine(balanced(terms.slice(0, half), combine), balanced(terms.slice(half), combine));
}

function accumulate(
  initial: string,
  combine: (a: string, b: string) => string,
): (kernel: KernelText) => Rounds {
  return (kernel) => {
    let v = "";
    return {
      start: () => void (v = kernel.variable(initial)),
      step: (terms) => kernel.line(`${v} = ${combine(v, balanced(terms, combine))};`),
      result: () => v,
    };
  };
}

function place(initial: string, better: string): (kernel: KernelText) => Rounds {
  return (kernel) => {
    let [best, at] = ["", ""];
    return {
      start() {
        best = kernel.variable(initial);
        at = kernel.variable("0");
      },
      step(terms, places) {
        terms.forEach((term, k) => {
          const v = kernel.constant(term);
          kernel.block(`if (${v} ${better} ${best})`, () => {
            kernel.line(`${best} = ${v};`);
            kernel.line(`${at} = ${places[k]!.text};`);
          });
        });
      },
      result: () => at,
    };
  };
}

const ROUNDS: Record<FoldKind, (kernel: KernelText) => Rounds> = {
  sum: accumulate("0", (a, b) => `(${a} + ${b})`),
  max: accumulate(LOWEST, (a, b) => `Math.max(${a}, ${b})`),
  min: accumulate(HIGHEST, (a, b) => `Math.min(${a}, ${b})`),
  argmax: place(LOWEST, ">"),
  argmin: place(HIGHEST, "<"),
  // running maximum and sum, so that one pass suffices
  logSumExp(kernel) {
    let [peak, total] = ["", ""];
    return {
      start() {
        peak = kernel.variable(LOWEST);
        total = kernel.variable("0");
      },
      step(terms) {
        const named = terms.map((term) => kernel.constant(term));
        const top = kernel.constant(
          `Math.max(${peak}, ${balanced(named, (a, b) => `Math.max(${a}, ${b})`)})`,
        );
        const sum = named.map((v) => `Math.exp(${v} - ${top})`).join(" + ");
        kernel.line(`${total} = ${total} * Math.exp(${peak} - ${top}) + ${sum};`);
        kernel.line(`${peak} = ${top};`);
      },
      result: () => `(${peak} + Math.log(${total}))`,
    };
  },
};

/** What a reduction over nothing gives. */
const EMPTY: Record<FoldKind, number> = {
  sum: 0,
  max: -Infinity,
  min: Infinity,
  argmax: 0,
  argmin: 0,
  logSumExp: -Infinity,
};

/** A reduction over axes, split in two where that keeps more threads busy. */
export function fold(kind: FoldKind, x: Stage, axes: readonly number[], dtype: DType): Stage {
  const shape = x.shape.filter((_, k) => !axes.includes(k));
  const out = sizeOf(shape);
  if (out === 0 || axes.some((k) => x.shape[k] === 0))
    return new Uniform(shape, dtype, EMPTY[kind]);
  if (axes.length === 0)
    return kind === "logSumExp" || kind === "sum" || kind === "max" || kind === "min"
      ? x
      : new Uniform(shape, dtype, 0);
  const longest = axes.reduce((best, k) => (x.shape[k]! > x.shape[best]! ? k : best), axes[0]!);
  const rounds = axes.reduce((n, k) => n * x.shape[k]!, 1);
  const n = x.shape[longest]!;
  if (out >= FEW || rounds < LONG || n < 16) return new Fold(kind, x, axes, dtype);
  if (kind === "argmax" || kind === "argmin") {
    // the first place at which the extremum is attained
    const extremum = fold(kind === "argmax" ? "max" : "min", x, axes, x.dtype);
    const [axis] = axes as [number];
    const lined = new Reshape(
      extremum,
      x.shape.map((m, k) => (k === axis ? 1 : m)),
    );
    const hit = elementwise(equalPrimitive, x.shape, "bool", [x, lined]);
    const where = new Elementwise(
      "where",
      written({ cheap: (h, p) => `(${h} !== 0 ? ${p} : ${n})` }),
      x.shape,
      "int32",
      [hit, new Position(x.shape, axis)],
    );
    return fold("min", where, axes, dtype);
  }
  const count = Math.max(2, Math.min(Math.floor(n / 8), Math.ceil((4 * FEW) / out)));
  const parts = new Fold(kind, x, axes, dtype, { axis: longest, count });
  return fold(kind, parts, [parts.shape.length - 1], dtype);
}

/** Matrix products: the sum over k of a[…, i, k] · b[…, k, j]. */
export function matmul(a: Stage, b: Stage, shape: Shape): Stage {
  const [m, n] = shape.slice(-2) as [number, number];
  const k = a.shape[a.shape.length - 1]!;
  const rows = new Reshape(a, [...a.shape.slice(0, -2), m, 1, k]);
  const order = b.shape.map((_, i) => i);
  const rank = order.length;
  [order[rank - 2], order[rank - 1]] = [rank - 1, rank - 2];
  const columns = new Reshape(new Transpose(b, order), [...b.shape.slice(0, -2), 1, n, k]);
  const product = elementwise(mulPrimitive, [...shape, k], a.dtype, [rows, columns]);
  return fold("sum", product, [shape.length], a.dtype);
}
