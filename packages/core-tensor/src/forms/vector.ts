/**
 * What a primitive is on vectors of WebAssembly, as data: steps that one vector instruction does, and static kernels that work on a whole
 * tile in place. Truth values are masks of all ones or zeros.
 */
import type { DType } from "../array/dtype.js";
import type { TileKernel } from "../exec/wasm/tile-kernels.js";

/** Types of the lanes of a vector. */
export type Lane = "f32" | "f64" | "i32" | "mask";

/**
 * Vector instructions. `min` and `max` give NaN for NaN in either argument, `pmin` and `pmax` for NaN in the first one; comparisons give
 * masks; `and`, `or` and `not` take masks.
 */
export type Opcode =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "neg"
  | "abs"
  | "sqrt"
  | "min"
  | "max"
  | "pmin"
  | "pmax"
  | "ceil"
  | "floor"
  | "trunc"
  | "nearest"
  | "eq"
  | "ne"
  | "lt"
  | "gt"
  | "le"
  | "ge"
  | "and"
  | "or"
  | "not";

/** A step, as later ones refer to it. */
export interface Ref {
  readonly id: number;
  readonly type: Lane;
}

/** What forms write their steps with. */
export interface Steps {
  constant(value: number, type: Lane): Ref;
  op(op: Opcode, ...args: readonly (Ref | number)[]): Ref;
  /** `condition ? yes : no` in each lane. */
  select(condition: Ref, yes: Ref | number, no: Ref | number): Ref;
  convert(x: Ref, type: Lane): Ref;
  kernel(kernel: TileKernel, x: Ref): Ref;
}

/** Values of the operands that are one number everywhere and known beforehand. */
type Known = readonly (number | undefined)[];

/** Steps for a primitive on those of its operands. */
type WriteSteps = (m: Steps, args: readonly [Ref, Ref, Ref], known: Known) => Ref;

/** How a primitive is computed; plain data, so that a bundler can drop what nothing uses. */
export type VectorForm =
  /** One instruction on the operands. */
  | { readonly op: Opcode }
  /** One instruction on floats; whole numbers stay as they are. */
  | { readonly rounding: Opcode }
  /** A comparison; truth values are compared as 0 and 1. */
  | { readonly comparison: Opcode }
  /** A static kernel. */
  | { readonly kernel: TileKernel }
  | VectorSteps
  /** None, and why not: the primitive runs in JavaScript. */
  | { readonly reason: string };

interface VectorSteps {
  readonly steps: WriteSteps;
  /** Whether operands may be truth values. */
  readonly takesBool?: boolean;
  /** Whether the steps are right for a result of this type; default all types that have vector instructions. */
  readonly takes?: (dtype: DType, known: Known) => boolean;
  /** Whether they compute in 64-bit floats. */
  readonly isWide?: (known: Known) => boolean;
  /** Why what `takes` refuses runs in JavaScript. */
  readonly reason?: string;
  /** Whether they give the bits of the definition, rounded once, for floats: eager code then runs them too. */
  readonly isExact?: boolean;
}

/** The steps of a form; undefined for none. */
export function stepsOf(form: VectorForm): VectorSteps | undefined {
  if ("steps" in form) return form;
  if ("op" in form) return { steps: (m, args) => m.op(form.op, ...args) };
  if ("kernel" in form) return { steps: (m, [x]) => m.kernel(form.kernel, x) };
  if ("rounding" in form)
    return { steps: (m, [x]) => (x.type === "i32" ? x : m.op(form.rounding, x)) };
  if ("comparison" in form)
    return {
      steps: (m, [a, b]) => m.op(form.comparison, asNumber(m, a), asNumber(m, b)),
      takesBool: true,
    };
  return undefined;
}

/** A mask of the elements that are not zero. */
export const asMask = (m: Steps, x: Ref): Ref => m.convert(x, "mask");

/** Masks as 0 and 1, numbers as they are. */
export const asNumber = (m: Steps, x: Ref): Ref => (x.type === "mask" ? m.convert(x, "i32") : x);
