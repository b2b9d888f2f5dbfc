/** One number out of one number in each place. */
import type { DType } from "../../../array/dtype.js";
import { type Shape, sameShape } from "../../../array/shape.js";
import { EXPRESSIONS } from "../expressions.js";
import { INFINITE } from "../functions.js";
import type { Space } from "../kernel.js";
import { type Reading, Stage, Uniform, type WriteOperand } from "../stage.js";

/** Expressions that cost about one arithmetic instruction; the rest call exponentials, logarithms or polynomials. */
const CHEAP = new Set(
  "add sub mul neg sign abs square maximum minimum relu floor ceil equal notEqual less lessEqual greater greaterEqual logicalAnd logicalOr logicalNot isNan isFinite where convert".split(
    " ",
  ),
);

/** The space of an operand of extents `from` that is broadcast to those of `space`. */
export function broadcastSpace(space: Space, from: Shape): Space {
  const pad = space.axes.length - from.length;
  return space.at(
    from.map((extent, k) =>
      extent === 1
        ? { place: { text: "0", integer: true }, start: 0, step: 1 }
        : space.axes[pad + k]!,
    ),
  );
}

export class Elementwise extends Stage {
  readonly work: number;

  constructor(
    readonly label: string,
    readonly expression: (...operands: string[]) => string,
    shape: Shape,
    dtype: DType,
    operands: readonly Stage[],
  ) {
    super(shape, dtype, operands);
    this.work = CHEAP.has(label) ? 1 : 10;
  }

  reading(k: number): Reading {
    const operand = this.operands[k]!;
    if (sameShape(operand.shape, this.shape)) return "same";
    return operand.size === this.size ? "flat" : "repeated";
  }

  write(space: Space, operand: WriteOperand): string {
    const { kernel } = space;
    const values = this.operands.map((x, k) => {
      if (sameShape(x.shape, this.shape)) return operand(k, space);
      if (x.size === this.size && space.own) return operand(k, space.reshaped(x.shape));
      return operand(k, broadcastSpace(space, x.shape));
    });
    return this.expression(...values.map((v) => kernel.constant(v)));
  }
}

/** The elementwise primitive of this name. */
export function elementwise(
  name: string,
  shape: Shape,
  dtype: DType,
  operands: readonly Stage[],
): Stage {
  const [a, b] = operands;
  if (
    name === "pow" &&
    b instanceof Uniform &&
    Number.isInteger(b.value) &&
    Math.abs(b.value) <= 16
  )
    return new Elementwise("pow", (x) => wholePower(x, b.value), shape, dtype, [a!, b]);
  if (name === "equal" || name === "notEqual") {
    const bound = [a, b].findIndex((x) => x instanceof Uniform && Math.abs(x.value) >= INFINITE);
    if (bound >= 0) {
      const { value } = operands[bound] as Uniform;
      const [yes, no] = name === "equal" ? [1, 0] : [0, 1];
      const test = value > 0 ? `>= ${INFINITE}` : `<= ${-INFINITE}`;
      return new Elementwise(
        name,
        (...xs) => `(${xs[1 - bound]!} ${test} ? ${yes} : ${no})`,
        shape,
        dtype,
        operands,
      );
    }
  }
  const expression = EXPRESSIONS[name]!;
  return new Elementwise(
    name,
    LEAVES_RANGE.has(name) ? (...xs) => held(expression(...xs), dtype) : expression,
    shape,
    dtype,
    operands,
  );
}

/** Arithmetic whose result may be no number of a small type. */
const LEAVES_RANGE = new Set(["add", "sub", "mul", "neg", "abs", "square"]);

/** A whole number as its type holds it: bytes wrap around, truth is whether it is not zero. */
function held(v: string, dtype: DType): string {
  if (dtype === "bool") return `(${v} !== 0 ? 1 : 0)`;
  if (dtype !== "int8" && dtype !== "uint8") return v;
  const low = dtype === "int8" ? 128 : 0;
  return `(f_wrap(${v} + ${low}, 256) - ${low})`;
}

/** xⁿ as products: shaders take powers through logarithms, and lose the sign of a negative base. */
function wholePower(x: string, n: number): string {
  if (n === 0) return "1";
  const power = (k: number): string => {
    if (k === 1) return x;
    return k % 2 === 0 ? square(power(k / 2)) : `${x} * ${power(k - 1)}`;
  };
  const square = (y: string): string => `(${y}) * (${y})`;
  return n < 0 ? `(1 / (${power(-n)}))` : `(${power(n)})`;
}

/** Another element type. Between floats, and from whole numbers to floats, nothing happens: all is float32 on the device. */
export function convert(x: Stage, dtype: DType): Stage {
  const whole = (d: DType): boolean => d !== "float32" && d !== "float64";
  const wider: Record<DType, number> = {
    bool: 0,
    uint8: 1,
    int8: 1,
    int32: 2,
    float32: 3,
    float64: 3,
  };
  const make = (expression: (v: string) => string): Stage =>
    new Elementwise("convert", expression, x.shape, dtype, [x]);
  if (
    dtype === x.dtype ||
    !whole(dtype) ||
    (whole(x.dtype) && wider[dtype] > wider[x.dtype] && !(x.dtype === "int8" && dtype === "uint8"))
  )
    return make((v) => v);
  if (dtype === "int32") return make((v) => `f_trunc(${v})`);
  return make((v) => held(dtype === "bool" ? v : `f_trunc(${v})`, dtype));
}

/** A number written into every element of an array in memory. */
export class Filled extends Stage {
  readonly work = 1;
  readonly label = "fill";

  constructor(private readonly value: Uniform) {
    super(value.shape, value.dtype, []);
  }

  reading(): Reading {
    return "same";
  }

  write(): string {
    return this.value.write();
  }
}

/** Place along one axis, as a number. */
export class Position extends Stage {
  readonly work = 0;
  readonly label = "position";

  constructor(
    shape: Shape,
    readonly axis: number,
  ) {
    super(shape, "int32", []);
  }

  reading(): Reading {
    return "same";
  }

  write(space: Space): string {
    // a variable, which gpu.js keeps as a float
    return space.kernel.constant(`(${space.place(this.axis).text} * 1)`);
  }
}
