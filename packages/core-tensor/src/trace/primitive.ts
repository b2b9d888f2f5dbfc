/**
 * Primitives: the operations that transforms know. Each is described once, as data: how its result is shaped, how it is computed,
 * how it is differentiated and how it is batched. Everything else in the package is composed from them.
 */
import type { DType } from "../array/dtype.js";
import type { DenseArray, NdArray } from "../array/ndarray.js";
import type { Shape } from "../array/shape.js";
import type { DeviceForm } from "../forms/device.js";
import type { VectorForm } from "../forms/vector.js";

/** What is known of an array before it exists. */
export interface Aval {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** One optional array an input or an output: `undefined` stands for zero. */
export type Sparse = readonly (NdArray | undefined)[];

/**
 * How a primitive is differentiated.
 *
 * - `elementwise`: the Jacobian is diagonal; `partials[i](t, inputs, output)` is `t · ∂output/∂input_i`, and serves forward and reverse mode.
 * - `linear`: linear in each input separately (so `matmul` counts); `transpose[i](ct, inputs, attrs)` is the adjoint in input i. A null entry marks an input without derivative.
 * - `rules`: both modes spelled out.
 * - `none`: piecewise constant or integer-valued, the derivative is zero.
 */
export type Derivative<A> =
  | {
      readonly kind: "elementwise";
      readonly partials: readonly (
        ((t: NdArray, inputs: readonly NdArray[], output: NdArray) => NdArray) | null
      )[];
    }
  | {
      readonly kind: "linear";
      readonly transpose: readonly (
        ((ct: NdArray, inputs: readonly NdArray[], attrs: A) => NdArray) | null
      )[];
    }
  | {
      readonly kind: "rules";
      /** Computes the outputs for a pass in reverse mode, together with arrays that `vjp` will want; left out where it wants none. */
      record?(
        inputs: readonly NdArray[],
        attrs: A,
      ): { readonly outputs: NdArray[]; readonly residuals: readonly NdArray[] };
      jvp(run: {
        inputs: readonly NdArray[];
        outputs: readonly NdArray[];
        tangents: Sparse;
        attrs: A;
      }): Sparse;
      vjp(run: {
        inputs: readonly NdArray[];
        outputs: readonly NdArray[];
        cotangents: Sparse;
        attrs: A;
        /** Which inputs a cotangent is wanted for. */
        needed: readonly boolean[];
        /** What `record` left; empty without it. */
        residuals: readonly NdArray[];
      }): Sparse;
    }
  | { readonly kind: "none" };

/**
 * How a primitive is batched by `vmap`. Batched inputs carry their batch on axis 0.
 *
 * - `elementwise`: shapes broadcast; leading axes are lined up.
 * - `leading`: the primitive takes any number of leading batch axes itself, the same for all inputs.
 * - `rule`: spelled out; every output carries the batch on axis 0.
 */
export type Batching<A> =
  | { readonly kind: "elementwise" }
  | { readonly kind: "leading" }
  | {
      readonly kind: "rule";
      rule(
        inputs: readonly NdArray[],
        batched: readonly boolean[],
        attrs: A,
        batchSize: number,
      ): NdArray[];
    };

/** What marks a primitive as one number in each place out of one number in each place, after broadcasting. */
export interface Pointwise {
  /** Number of inputs. */
  readonly arity: 1 | 2 | 3;
  /** Type of the result: that of the last input, float, or bool. Floats come with float inputs only. */
  readonly result: "same" | "float" | "bool";
  /** The function itself, in double precision; bool is 0 or 1. */
  readonly js: (a: number, b: number, c: number) => number;
  /** The same on vectors of WebAssembly, or why not. */
  readonly vector: VectorForm;
  /** The same on a device. */
  readonly device: DeviceForm;
}

export interface Primitive<A = undefined> {
  readonly name: string;
  /** Present on elementwise primitives, which have no attributes. */
  readonly elementwise?: Pointwise;
  /** Shapes and types of the outputs. All checks happen here, before any work. */
  shape(inputs: readonly Aval[], attrs: A): readonly Aval[];
  /** The meaning, in plain JavaScript. */
  evaluate(inputs: readonly DenseArray[], attrs: A, outputs: readonly Aval[]): DenseArray[];
  /** The same on WebAssembly SIMD; undefined when it declines (too small, an odd layout, no SIMD here). */
  wasm?(
    inputs: readonly DenseArray[],
    attrs: A,
    outputs: readonly Aval[],
  ): DenseArray[] | undefined;
  readonly derivative: Derivative<A>;
  readonly batching: Batching<A>;
}
