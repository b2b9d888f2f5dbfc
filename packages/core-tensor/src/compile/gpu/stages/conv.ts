/**
 * Two-dimensional convolutions as sums of products. The images, or the outputs, are read through windows that slide over them; nothing
 * is unfolded in memory.
 */
import { type Shape, sizeOf } from "../../../array/shape.js";
import { mulPrimitive } from "../../../ops/arithmetic.js";
import type { Space } from "../kernel.js";
import { type Reading, Stage, Uniform, type WriteOperand } from "../stage.js";
import { elementwise } from "./elementwise.js";
import { fold } from "./folds.js";
import { Reshape } from "./views.js";

/** Attributes of the convolution primitives; see `ops/conv.ts`. */
export interface ConvAttrs {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly pad: readonly [number, number];
  readonly groups: number;
  readonly image: Shape;
  readonly filter: Shape;
  readonly out: readonly [number, number];
}

/** One spatial axis of a window: source place = (first · factor + tap · spread + offset) / divisor, where that is whole and inside. */
interface Sliding {
  readonly factor: number;
  readonly spread: number;
  readonly offset: number;
  readonly divisor: number;
}

/** The array [n, g, c, h, w] seen as [n, g, c, H, W, kh, kw]: tap (kh, kw) of the window at (H, W), zero outside. */
class Windows extends Stage {
  // a few index operations, always cheaper than the unfolded array in memory
  readonly work = 0;
  readonly label = "windows";

  constructor(
    x: Stage,
    readonly sliding: readonly [Sliding, Sliding],
    places: readonly [number, number],
    taps: readonly [number, number],
  ) {
    super([...x.shape.slice(0, 3), ...places, ...taps], x.dtype, [x]);
  }

  reading(): Reading {
    return "repeated";
  }

  write(space: Space, operand: WriteOperand): string {
    const { kernel } = space;
    const conditions: string[] = [];
    const axes = [0, 1].map((i) => {
      const { factor, spread, offset, divisor } = this.sliding[i as 0 | 1];
      const n = this.operands[0]!.shape[3 + i]!;
      const [first, tap] = [space.place(3 + i), space.place(5 + i)].map(({ text, integer }) =>
        integer ? text : `(${text} | 0)`,
      );
      let p = kernel.constant(
        `(${first!} * ${factor} + ${tap!} * ${signed(spread)} + ${signed(offset)}) * 1`,
      );
      if (divisor > 1) {
        const q = kernel.constant(`Math.floor((${p} + 0.5) * ${1 / divisor})`);
        conditions.push(`${q} * ${divisor} === ${p}`);
        p = q;
      }
      conditions.push(`${p} >= 0`, `${p} < ${n}`);
      return { place: { text: p, integer: false }, start: 0, step: 1 };
    });
    const v = kernel.variable("0");
    kernel.block(`if (${conditions.join(" && ")})`, () =>
      kernel.line(`${v} = ${operand(0, space.at([...space.axes.slice(0, 3), ...axes]))};`),
    );
    return v;
  }
}

const signed = (n: number): string => (n < 0 ? `(${n})` : String(n));

/** The three primitives: the convolution, and its adjoints in the image and in the filters. Operands as the primitives take them. */
export function convolution(
  name: string,
  p: Stage,
  q: Stage,
  attrs: ConvAttrs,
  shape: Shape,
): Stage {
  const { groups, stride, dilation, pad } = attrs;
  if (sizeOf(shape) === 0 || p.size === 0 || q.size === 0) return new Uniform(shape, p.dtype, 0);
  const [n, channels, height, width] = attrs.image as [number, number, number, number];
  const [filters, depth, kh, kw] = attrs.filter as [number, number, number, number];
  const [c, o] = [channels / groups, filters / groups];
  const [oh, ow] = attrs.out;
  const grouped = (x: Stage, each: number, h: number, w: number): Stage =>
    new Reshape(x, [n, groups, each, h, w]);
  const forward = axisPair((i) => ({
    factor: stride[i],
    spread: dilation[i],
    offset: -pad[i],
    divisor: 1,
  }));
  const sum = (a: Stage, b: Stage, full: Shape, axes: readonly number[]): Stage =>
    new Reshape(
      fold("sum", elementwise(mulPrimitive, full, p.dtype, [a, b]), axes, p.dtype),
      shape,
    );

  if (name === "conv2d") {
    // [n, g, o, H, W | c, kh, kw]
    const windows = new Windows(grouped(p, c, height, width), forward, [oh, ow], [kh, kw]);
    const full = [n, groups, o, oh, ow, c, kh, kw];
    return sum(
      new Moved(windows, full, [0, 1, 5, 3, 4, 6, 7]),
      new Moved(new Reshape(q, [groups, o, depth, kh, kw]), full, [1, 2, 5, 6, 7]),
      full,
      [5, 6, 7],
    );
  }
  if (name === "conv2dInputGradient") {
    // the output place that pixel h reaches through tap k is (h + pad − k·dilation) / stride
    const back = axisPair((i) => ({
      factor: 1,
      spread: -dilation[i],
      offset: pad[i],
      divisor: stride[i],
    }));
    const windows = new Windows(grouped(p, o, oh, ow), back, [height, width], [kh, kw]);
    const full = [n, groups, c, height, width, o, kh, kw];
    return sum(
      new Moved(windows, full, [0, 1, 5, 3, 4, 6, 7]),
      new Moved(new Reshape(q, [groups, o, depth, kh, kw]), full, [1, 5, 2, 6, 7]),
      full,
      [5, 6, 7],
    );
  }
  // filters: operands are the output's cotangent and the image
  const windows = new Windows(grouped(q, c, height, width), forward, [oh, ow], [kh, kw]);
  const full = [groups, o, c, kh, kw, n, oh, ow];
  return sum(
    new Moved(grouped(p, o, oh, ow), full, [5, 0, 1, 6, 7]),
    new Moved(windows, full, [5, 0, 2, 6, 7, 3, 4]),
    full,
    [5, 6, 7],
  );
}

function axisPair(make: (i: 0 | 1) => Sliding): readonly [Sliding, Sliding] {
  return [make(0), make(1)];
}

/** The operand seen with more axes: its axis k is axis `places[k]` of the result, over all others it is repeated. */
class Moved extends Stage {
  readonly work = 0;
  readonly label = "view";

  constructor(
    x: Stage,
    shape: Shape,
    readonly places: readonly number[],
  ) {
    super(shape, x.dtype, [x]);
  }

  reading(): Reading {
    return "repeated";
  }

  write(space: Space, operand: WriteOperand): string {
    return operand(0, space.at(this.places.map((k) => space.axes[k]!)));
  }
}
