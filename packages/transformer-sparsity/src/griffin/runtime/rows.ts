/** Arithmetic on the rows of a running model: `[tokens, features]` in one Float32Array. Sums of squares are in double precision. */
import { type NdArray, array } from "@provably/core-tensor";
import { type Activation, activate, gatedNeurons } from "../model/activation.js";
import type { ModelConfig } from "../model/description.js";

export type Rows = Float32Array;

/**
 * A norm with its offsets already added.
 * @category Models
 */
export interface NormWeights {
  /** One factor for each feature. */
  readonly scale: Float32Array;
  /** One summand for each feature, where the norm has them. */
  readonly shift?: Float32Array;
}

/** The rows as an array; the storage is shared. */
export function asArray(x: Rows, shape: readonly number[]): NdArray {
  return array(x, { shape, copy: false });
}

export function addRows(a: Rows, b: Rows): Rows {
  const out = new Float32Array(a.length);
  for (let i = 0; i < a.length; i++) out[i] = a[i]! + b[i]!;
  return out;
}

export function multiplyRows(a: Rows, b: Rows): Rows {
  const out = new Float32Array(a.length);
  for (let i = 0; i < a.length; i++) out[i] = a[i]! * b[i]!;
  return out;
}

export function activateRows(name: Activation, x: Rows): Rows {
  // activations of arrays of 32-bit floats are fresh and without gaps
  return activate(name, asArray(x, [x.length])).data as Float32Array;
}

/** Activations of neurons with gates. */
export function gatedRows(name: Activation, gate: Rows, up: Rows): Rows {
  const shape = [up.length];
  return gatedNeurons(name, asArray(gate, shape), asArray(up, shape)).data as Float32Array;
}

/** Adds a bias to each row of `x`, which must be fresh. */
export function addBias(x: Rows, bias: Float32Array | undefined): Rows {
  if (bias)
    for (let t = 0; t < x.length; t += bias.length)
      for (let i = 0; i < bias.length; i++) x[t + i]! += bias[i]!;
  return x;
}

/** Norm of each `width` features; default of as many as there are factors, of which neighbouring stretches may have their own. */
export function normalizeRows(
  { kind, epsilon }: ModelConfig["norm"],
  { scale, shift }: NormWeights,
  x: Rows,
  width = scale.length,
): Rows {
  const out = new Float32Array(x.length);
  for (let t = 0; t < x.length; t += width) {
    let mean = 0;
    if (kind === "layer") {
      for (let i = 0; i < width; i++) mean += x[t + i]!;
      mean /= width;
    }
    let squares = 0;
    for (let i = 0; i < width; i++) squares += (x[t + i]! - mean) ** 2;
    const factor = 1 / Math.sqrt(squares / width + epsilon);
    const own = t % scale.length;
    for (let i = 0; i < width; i++)
      out[t + i] = (x[t + i]! - mean) * factor * scale[own + i]! + (shift ? shift[own + i]! : 0);
  }
  return out;
}

/** Rotates the first `2 · half` features of every head; `cos` and `sin` are `[tokens, half]`. */
export function rotateRows(
  x: Rows,
  headDim: number,
  tokens: number,
  cos: Float32Array,
  sin: Float32Array,
): Rows {
  const half = cos.length / tokens;
  const width = x.length / tokens;
  const out = x.slice();
  for (let t = 0; t < tokens; t++)
    for (let head = 0; head < width; head += headDim) {
      const at = t * width + head;
      for (let i = 0; i < half; i++) {
        const [c, s] = [cos[t * half + i]!, sin[t * half + i]!];
        const [p, q] = [x[at + i]!, x[at + i + half]!];
        out[at + i] = p * c - q * s;
        out[at + i + half] = q * c + p * s;
      }
    }
  return out;
}
