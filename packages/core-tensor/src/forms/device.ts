/**
 * What a primitive is on a device, as data: the source of one element, in the JavaScript that gpu.js translates.
 *
 * Operands arrive as names or literals, so an expression may repeat them. Truth is 1 and 0, as in the arrays. Numbers of the magnitude of
 * {@link INFINITE} count as infinite. WGSL promises 2⁻¹¹ for sin and cos, 4096 ulp for atan2, 180 ulp for exp(88), 2⁻²¹ for log near 1,
 * nothing for tanh beyond its overflow and has no error or gamma functions: those in `device/` are accurate to a few ulp of float32 on
 * their whole range, and use nothing but + − × ÷, exp, log, sqrt, floor and abs.
 */

/** A function that kernels call. Names of functions start with `f_`, those of parameters and variables with `v_`, of counters with `i_`. */
export interface DeviceFunction {
  readonly name: string;
  readonly parameters: readonly string[];
  /** The functions that it calls. */
  readonly calls?: readonly DeviceFunction[];
  /** The statements; made when asked for, so that a bundle without devices need not hold them. */
  readonly body: () => string;
}

/** Source of one element out of the sources of its operands. */
export type Source = (...operands: string[]) => string;

/** The value of an operand that is one number everywhere and known beforehand. */
export type Known = readonly (number | undefined)[];

/** Another source where operands are known; undefined where that changes nothing. */
type WhenKnown = (known: Known) => Source | undefined;

/** How a primitive is written; plain data, so that a bundler can drop what nothing uses. */
export type DeviceForm =
  /** About one instruction, so that computing it twice is cheaper than storing it. */
  | {
      readonly cheap: Source;
      /** Whether the result may be no number of a small type: bytes wrap around then, and truth is whether it is not zero. */
      readonly leavesRange?: boolean;
    }
  /** A condition, as cheap, whose truth becomes 1 and 0. */
  | { readonly condition: Source; readonly whenKnown?: WhenKnown }
  /** A call of one function on the operands. */
  | { readonly call: DeviceFunction; readonly whenKnown?: WhenKnown }
  /** Several instructions, and the functions that they call. */
  | { readonly expression: Source; readonly functions?: readonly DeviceFunction[] };

/** A form as kernels are written from it. */
export interface Written {
  readonly source: Source;
  readonly functions: readonly DeviceFunction[];
  readonly isCheap: boolean;
  readonly leavesRange: boolean;
}

/** What a form is on operands of which some may be known. */
export function written(form: DeviceForm, known: Known = []): Written {
  const whenKnown = "whenKnown" in form ? form.whenKnown?.(known) : undefined;
  const rest = { functions: [], isCheap: true, leavesRange: false };
  if ("cheap" in form)
    return { ...rest, source: form.cheap, leavesRange: form.leavesRange === true };
  if ("condition" in form) {
    const { condition } = form;
    return { ...rest, source: whenKnown ?? ((...xs) => `(${condition(...xs)} ? 1 : 0)`) };
  }
  if ("call" in form) {
    const { call } = form;
    const source: Source = (...xs) => `${call.name}(${xs.join(", ")})`;
    return whenKnown
      ? { ...rest, source: whenKnown, isCheap: false }
      : { ...rest, source, functions: [call], isCheap: false };
  }
  return { ...rest, source: form.expression, functions: form.functions ?? [], isCheap: false };
}

/** c₀ xⁿ + … + cₙ in Horner's form. */
export const horner = (x: string, coefficients: readonly number[]): string =>
  coefficients.map(literal).reduce((sum, c) => `(${sum} * ${x} + ${c})`);

/** The greatest float32, which stands for infinity where a constant is infinite, and counts as such. */
export const INFINITE = 3.4028234663852886e38;

/** A number as source; infinities become the ends of float32, since shaders have no literal for them. */
export function literal(x: number): string {
  const finite = Number.isNaN(x) ? 0 : Math.min(Math.max(x, -INFINITE), INFINITE);
  return finite < 0 || Object.is(finite, -0) ? `(-${-finite})` : String(finite);
}
