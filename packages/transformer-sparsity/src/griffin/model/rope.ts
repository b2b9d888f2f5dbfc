/** Rotary positions: the frequencies θ of a model, with the scalings that stretch them to longer contexts, and the rotation. */
import { type NdArray, FormatError, add, concat, mul, slice, sub } from "@provably/core-tensor";
import {
  anyNumber,
  byKind,
  check,
  oneOf,
  recordWith,
  satisfying,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { JsonObject } from "./json.js";

/**
 * How positions are rotated in. `linear`, `llama3`, `dynamic` and `yarn` stretch the wavelengths by `factor`.
 * @category Models
 */
export interface RopeConfig {
  readonly kind: "rope";
  /** Features of a head that are rotated. */
  readonly rotarySize: number;
  readonly base: number;
  readonly scaling: RopeScaling;
}

/**
 * Scalings of rotary positions, with the fields of configs.
 * @category Models
 */
export type RopeScaling =
  | { readonly type: "default" }
  | { readonly type: "linear"; readonly factor: number }
  | { readonly type: "dynamic"; readonly factor: number; readonly originalLength: number }
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFrequency: number;
      readonly highFrequency: number;
      readonly originalLength: number;
    }
  | {
      readonly type: "yarn";
      readonly factor: number;
      readonly originalLength: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly attentionFactor: number;
    };

const positive = satisfying("a finite number > 0", (x) => Number.isFinite(x) && (x as number) > 0);

/** What rotary positions must be. */
export const ropeGuard = recordWith({
  kind: oneOf("rope"),
  rotarySize: satisfying(
    "an even integer ≥ 2",
    (x) => Number.isInteger(x) && (x as number) >= 2 && (x as number) % 2 === 0,
  ),
  base: positive,
  scaling: byKind("type", {
    default: recordWith(),
    linear: recordWith({ factor: positive }),
    dynamic: recordWith({ factor: positive, originalLength: positive }),
    llama3: recordWith({
      factor: positive,
      lowFrequency: positive,
      highFrequency: positive,
      originalLength: positive,
    }),
    yarn: recordWith({
      factor: positive,
      originalLength: positive,
      betaFast: positive,
      betaSlow: positive,
      attentionFactor: anyNumber,
    }),
  }),
});

/** From a config, old or new. */
export function ropeConfig(
  c: JsonObject,
  headDim: number,
  maxPositions: number,
  partial = 1,
): RopeConfig {
  const parameters = c.object("rope_parameters") ?? c.object("rope_scaling");
  const base = parameters?.has("rope_theta")
    ? parameters.number("rope_theta")
    : c.number("rope_theta", c.number("rotary_emb_base", 10000));
  const share = parameters?.has("partial_rotary_factor")
    ? parameters.number("partial_rotary_factor")
    : c.number("partial_rotary_factor", c.number("rotary_pct", partial));
  if (!(base > 0)) throw new FormatError(`modelConfig: rope_theta must be above 0, got ${base}`);
  if (!(share > 0 && share <= 1))
    throw new FormatError(
      `modelConfig: the rotated share of a head must be in (0, 1], got ${share}`,
    );
  return {
    kind: "rope",
    rotarySize: Math.floor(headDim * share),
    base,
    scaling: parameters ? ropeScaling(parameters, maxPositions) : { type: "default" },
  };
}

function ropeScaling(p: JsonObject, maxPositions: number): RopeScaling {
  const type = p.text("rope_type", p.text("type", "default"));
  if (type === "default") return { type };
  const factor = p.number("factor");
  const originalLength = p.count("original_max_position_embeddings", { fallback: maxPositions });
  if (!(factor > 0))
    throw new FormatError(`modelConfig: the factor of rope scaling must be above 0, got ${factor}`);
  switch (type) {
    case "linear":
      return { type, factor };
    case "dynamic":
      return { type, factor, originalLength };
    case "llama3":
      return {
        type,
        factor,
        originalLength,
        lowFrequency: p.number("low_freq_factor"),
        highFrequency: p.number("high_freq_factor"),
      };
    case "yarn":
      return {
        type,
        factor,
        originalLength,
        betaFast: p.number("beta_fast", 32),
        betaSlow: p.number("beta_slow", 1),
        attentionFactor: p.number("attention_factor", factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1),
      };
    default:
      throw new FormatError(
        `modelConfig: rope scaling "${type}" is not one of default, linear, dynamic, llama3, yarn`,
      );
  }
}

/**
 * Angles per position $\theta_i = \text{base}^{-2i/r}$ of each pair of features, after scaling.
 *
 * @param rope - see {@link RopeConfig}
 * @param length - tokens of the sequence, which only `dynamic` looks at; default 0
 * @returns `frequencies`, length `rotarySize / 2`, and the factor of all cosines and sines
 * @example
 * ```ts
 * import { ropeFrequencies } from "@provably/transformer-sparsity/griffin";
 *
 * ropeFrequencies({ kind: "rope", rotarySize: 4, base: 10000, scaling: { type: "linear", factor: 4 } }).frequencies; // => Float64Array.of(0.25, 0.0025)
 * ```
 * @see Su et al. (2021), "RoFormer"; Peng et al. (2023), "YaRN", section 3.2; the Llama 3.1 release for `llama3`
 * @category Models
 */
export function ropeFrequencies(
  rope: RopeConfig,
  length = 0,
): { readonly frequencies: Float64Array; readonly factor: number } {
  check("ropeFrequencies", "rope", rope, ropeGuard);
  check("ropeFrequencies", "length", length, wholeNumber(0));
  return frequenciesOf(rope, length);
}

function frequenciesOf(
  rope: RopeConfig,
  length: number,
): { readonly frequencies: Float64Array; readonly factor: number } {
  const { rotarySize: r, scaling } = rope;
  const stretch = scaling.type === "dynamic" && length > scaling.originalLength;
  const base = stretch
    ? rope.base *
      ((scaling.factor * length) / scaling.originalLength - (scaling.factor - 1)) ** (r / (r - 2))
    : rope.base;
  const frequencies = Float64Array.from({ length: r / 2 }, (_, i) => base ** ((-2 * i) / r));
  switch (scaling.type) {
    case "linear":
      return { frequencies: frequencies.map((theta) => theta / scaling.factor), factor: 1 };
    case "llama3": {
      const { factor, lowFrequency: low, highFrequency: high, originalLength } = scaling;
      const scaled = frequencies.map((theta) => {
        const wavelength = (2 * Math.PI) / theta;
        if (wavelength < originalLength / high) return theta;
        if (wavelength > originalLength / low) return theta / factor;
        const s = (originalLength / wavelength - low) / (high - low);
        return theta * ((1 - s) / factor + s);
      });
      return { frequencies: scaled, factor: 1 };
    }
    case "yarn": {
      const dimension = (beta: number): number =>
        (r * Math.log(scaling.originalLength / (beta * 2 * Math.PI))) / (2 * Math.log(rope.base));
      const low = Math.max(0, Math.floor(dimension(scaling.betaFast)));
      const high = Math.min(r - 1, Math.ceil(dimension(scaling.betaSlow)));
      const span = high === low ? 0.001 : high - low;
      const scaled = frequencies.map((theta, i) => {
        const ramp = Math.min(1, Math.max(0, (i - low) / span));
        return theta * (1 - ramp) + (theta / scaling.factor) * ramp;
      });
      return { frequencies: scaled, factor: scaling.attentionFactor };
    }
    default:
      return { frequencies, factor: 1 };
  }
}

/** Cosines and sines of `count` positions from `start` on, `[count, rotarySize / 2]` each. */
export function ropeTable(
  rope: RopeConfig,
  start: number,
  count: number,
): { readonly cos: Float32Array; readonly sin: Float32Array } {
  const { frequencies, factor } = frequenciesOf(rope, start + count);
  const half = frequencies.length;
  const [cos, sin] = [new Float32Array(count * half), new Float32Array(count * half)];
  for (let t = 0; t < count; t++)
    for (let i = 0; i < half; i++) {
      const angle = (start + t) * frequencies[i]!;
      cos[t * half + i] = Math.cos(angle) * factor;
      sin[t * half + i] = Math.sin(angle) * factor;
    }
  return { cos, sin };
}

/** Rotates the first `2 · half` features of `x` `[…, T, headDim]`: entry i pairs with entry i + half. `cos`, `sin` are `[T, half]`. */
export function rotate(x: NdArray, cos: NdArray, sin: NdArray): NdArray {
  const last = x.shape.length - 1;
  const half = cos.shape[1]!;
  const part = (from: number, to: number): NdArray =>
    slice(x, [...new Array<number>(last).fill(0), from], [...x.shape.slice(0, -1), to]);
  const [p, q] = [part(0, half), part(half, 2 * half)];
  const turned = [sub(mul(p, cos), mul(q, sin)), add(mul(q, cos), mul(p, sin))];
  return concat(2 * half === x.shape[last] ? turned : [...turned, part(2 * half, x.shape[last]!)], {
    axis: last,
  });
}
