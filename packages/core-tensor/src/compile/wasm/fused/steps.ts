/** The list of steps that the vector forms of primitives write. */
import type { DType } from "../../../array/dtype.js";
import type { TileKernel } from "../../../exec/wasm/tile-kernels.js";
import type { Lane, Opcode, Ref, Steps } from "../../../forms/vector.js";

/** Bytes of vector instructions by the type of their first argument; those that yield masks are listed below. */
export const OPCODES = {
  add: { f32: 0xe4, f64: 0xf0, i32: 0xae },
  sub: { f32: 0xe5, f64: 0xf1, i32: 0xb1 },
  mul: { f32: 0xe6, f64: 0xf2, i32: 0xb5 },
  div: { f32: 0xe7, f64: 0xf3 },
  neg: { f32: 0xe1, f64: 0xed, i32: 0xa1 },
  abs: { f32: 0xe0, f64: 0xec, i32: 0xa0 },
  sqrt: { f32: 0xe3, f64: 0xef },
  min: { f32: 0xe8, f64: 0xf4, i32: 0xb6 },
  max: { f32: 0xe9, f64: 0xf5, i32: 0xb8 },
  pmin: { f32: 0xea, f64: 0xf6 },
  pmax: { f32: 0xeb, f64: 0xf7 },
  ceil: { f32: 0x67, f64: 0x74 },
  floor: { f32: 0x68, f64: 0x75 },
  trunc: { f32: 0x69, f64: 0x7a },
  nearest: { f32: 0x6a, f64: 0x94 },
  eq: { f32: 0x41, f64: 0x47, i32: 0x37 },
  ne: { f32: 0x42, f64: 0x48, i32: 0x38 },
  lt: { f32: 0x43, f64: 0x49, i32: 0x39 },
  gt: { f32: 0x44, f64: 0x4a, i32: 0x3b },
  le: { f32: 0x45, f64: 0x4b, i32: 0x3d },
  ge: { f32: 0x46, f64: 0x4c, i32: 0x3f },
  and: { mask: 0x4e },
  or: { mask: 0x50 },
  not: { mask: 0x4d },
} as const satisfies Record<Opcode, Partial<Record<Lane, number>>>;

const YIELDS_MASK: ReadonlySet<string> = new Set(["eq", "ne", "lt", "gt", "le", "ge"]);

/** One step. Steps refer to earlier ones by number. */
export type Step = { readonly type: Lane; readonly args: readonly number[] } & (
  | { readonly kind: "operand"; readonly operand: number }
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "op"; readonly op: Opcode }
  /** `args[0] ? args[1] : args[2]`. */
  | { readonly kind: "select" }
  | { readonly kind: "convert" }
  | { readonly kind: "kernel"; readonly kernel: TileKernel }
);

export function laneOf(dtype: DType): Lane {
  return dtype === "float32"
    ? "f32"
    : dtype === "float64"
      ? "f64"
      : dtype === "bool"
        ? "mask"
        : "i32";
}

/** A list of steps under construction; equal steps are one. */
export class StepList implements Steps {
  readonly steps: Step[] = [];
  private readonly known = new Map<string, Ref>();

  private push(key: string, step: Step): Ref {
    const full = `${key}:${step.type}:${step.args.join()}`;
    let ref = this.known.get(full);
    if (ref === undefined)
      this.known.set(full, (ref = { id: this.steps.push(step) - 1, type: step.type }));
    return ref;
  }

  operand(operand: number, type: Lane): Ref {
    return this.push(`operand ${operand}`, { kind: "operand", operand, type, args: [] });
  }

  constant(value: number, type: Lane): Ref {
    return this.push(`constant ${Object.is(value, -0) ? "-0" : value}`, {
      kind: "constant",
      value,
      type,
      args: [],
    });
  }

  op(op: Opcode, ...args: readonly (Ref | number)[]): Ref {
    const typed = args.find((x) => typeof x !== "number")!;
    const refs = args.map((x) => (typeof x === "number" ? this.constant(x, typed.type) : x));
    return this.push(op, {
      kind: "op",
      op,
      type: YIELDS_MASK.has(op) ? "mask" : typed.type,
      args: refs.map((x) => x.id),
    });
  }

  select(condition: Ref, yes: Ref | number, no: Ref | number): Ref {
    const typed = typeof yes === "number" ? no : yes;
    if (typeof typed === "number") throw new Error("select needs one computed alternative");
    const ref = (x: Ref | number): number =>
      (typeof x === "number" ? this.constant(x, typed.type) : x).id;
    return this.push("select", {
      kind: "select",
      type: typed.type,
      args: [condition.id, ref(yes), ref(no)],
    });
  }

  convert(x: Ref, type: Lane): Ref {
    if (x.type === type) return x;
    if (type === "mask") return this.op("ne", x, 0);
    return this.push("convert", { kind: "convert", type, args: [x.id] });
  }

  kernel(kernel: TileKernel, x: Ref): Ref {
    return this.push(kernel, { kind: "kernel", kernel, type: x.type, args: [x.id] });
  }
}
