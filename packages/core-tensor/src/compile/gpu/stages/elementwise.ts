/** One number out of one number in each place. */
import type { DType } from "../../../array/dtype.js";
import { type Shape, sameShape } from "../../../array/shape.js";
import { type DeviceForm, type Written, written } from "../../../forms/device.js";
import { TRUNC, WRAP } from "../../../forms/device/rounding.js";
import type { Space } from "../kernel.js";
import type { Pointwise } from "../../../trace/primitive.js";
import { type Reading, Stage, Uniform, type WriteOperand } from "../stage.js";

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
    readonly form: Written,
    shape: Shape,
    dtype: DType,
    operands: readonly Stage[],
  ) {
    super(shape, dtype, operands);
    this.work = form.isCheap ? 1 : 10;
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
    for (const fn of this.form.functions) kernel.functions.add(fn);
    return this.form.source(...values.map((v) => kernel.constant(v)));
  }
}

/** An elementwise primitive on these operands. */
export function elementwise(
  primitive: { readonly name: string; readonly elementwise: Pointwise },
  shape: Shape,
  dtype: DType,
  operands: readonly Stage[],
): Stage {
  const known = operands.map((x) => (x instanceof Uniform ? x.value : undefined));
  const form = written(primitive.elementwise.device, known);
  const right = form.leavesRange ? held(form, dtype) : form;
  return new Elementwise(primitive.name, right, shape, dtype, operands);
}

/** A form whose whole numbers are as their type holds them: bytes wrap around, truth is whether it is not zero. */
function held(form: Written, dtype: DType): Written {
  const { source } = form;
  if (dtype === "bool") return { ...form, source: (...xs) => `(${source(...xs)} !== 0 ? 1 : 0)` };
  if (dtype !== "int8" && dtype !== "uint8") return form;
  const low = dtype === "int8" ? 128 : 0;
  return {
    ...form,
    source: (...xs) => `(${WRAP.name}(${source(...xs)} + ${low}, 256) - ${low})`,
    functions: [...form.functions, WRAP],
  };
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
  const make = (form: DeviceForm, isHeld = false): Stage => {
    const text = { ...written(form), isCheap: true };
    return new Elementwise("convert", isHeld ? held(text, dtype) : text, x.shape, dtype, [x]);
  };
  const same: DeviceForm = { cheap: (v) => v };
  if (
    dtype === x.dtype ||
    !whole(dtype) ||
    (whole(x.dtype) && wider[dtype] > wider[x.dtype] && !(x.dtype === "int8" && dtype === "uint8"))
  )
    return make(same);
  if (dtype === "int32") return make({ call: TRUNC });
  return make(dtype === "bool" ? same : { call: TRUNC }, true);
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
