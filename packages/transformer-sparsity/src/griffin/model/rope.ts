/** Rotary positions: the frequencies θ of a model, with the scalings that stretch them to longer contexts, and the rotation. */
import { type NdArray, add, concat, mul, slice, sub } from "@provably/core-tensor";
import {
  type Guard,
  anyString,
  byKind,
  check,
  listOf,
  oneOf,
  positiveNumber,
  recordOf,
  satisfying,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";

/**
 * How positions are rotated in. `linear`, `llama3`, `dynamic` and `yarn` stretch the wavelengths by `factor`, `longrope` each by its own.
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
      /** Whether the range between the two betas is widened to whole features. */
      readonly truncate: boolean;
      readonly attentionFactor: number;
    }
  | {
      readonly type: "longrope";
      /** Sequences of up to so many tokens take the short factors, others the long ones. */
      readonly originalLength: number;
      readonly shortFactors: readonly number[];
      readonly longFactors: readonly number[];
      readonly attentionFactor: number;
    };

/** What rotary positions must be. */
export const ropeGuard: Guard<object> = (x) => {
  const fault = ropeShape(x);
  if (fault !== undefined) return fault;
  const { rotarySize, scaling } = x as RopeConfig;
  if (scaling.type !== "longrope") return undefined;
  for (const name of ["shortFactors", "longFactors"] as const)
    if (scaling[name].length !== rotarySize / 2)
      return {
        path: `.scaling.${name}`,
        expected: `${rotarySize / 2} factors`,
        got: scaling[name],
      };
  return undefined;
};
const ropeShape = recordOf({
  kind: oneOf("rope"),
  rotarySize: satisfying(
    "an even integer ≥ 2",
    (x) => Number.isInteger(x) && (x as number) >= 2 && (x as number) % 2 === 0,
  ),
  base: positiveNumber,
  scaling: byKind("type", {
    default: recordOf({ type: anyString }),
    linear: recordOf({ type: anyString, factor: positiveNumber }),
    dynamic: recordOf({
      type: anyString,
      factor: positiveNumber,
      originalLength: positiveNumber,
    }),
    llama3: recordOf({
      type: anyString,
      factor: positiveNumber,
      lowFrequency: positiveNumber,
      highFrequency: positiveNumber,
      originalLength: positiveNumber,
    }),
    yarn: recordOf({
      type: anyString,
      factor: positiveNumber,
      originalLength: positiveNumber,
      betaFast: positiveNumber,
      betaSlow: positiveNumber,
      truncate: trueOrFalse,
      attentionFactor: positiveNumber,
    }),
    longrope: recordOf({
      type: anyString,
      originalLength: positiveNumber,
      shortFactors: listOf(positiveNumber),
      longFactors: listOf(positiveNumber),
      attentionFactor: positiveNumber,
    }),
  }),
});

/** The longest sequence that positions are there for; rope that stretches as it goes has no end. */
export function contextLimit({
  positions,
  maxPositions,
}: {
  readonly positions: RopeConfig | { readonly kind: "learned" | "alibi" };
  readonly maxPositions: number;
}): number {
  const endless = positions.kind === "rope" && positions.scaling.type === "dynamic";
  return endless ? 2 ** 31 - 1 : maxPositions;
}

/** Whether the frequencies at `length` tokens are not those of shorter sequences. */
export function dependsOnLength(positions: { readonly kind: string }, length: number): boolean {
  if (positions.kind !== "rope") return false;
  const { scaling } = positions as RopeConfig;
  return (
    (scaling.type === "dynamic" || scaling.type === "longrope") && length > scaling.originalLength
  );
}

/**
 * Angles per position $\theta_i = \text{base}^{-2i/r}$ of each pair of features, after scaling.
 *
 * @param rope - see {@link RopeConfig}
 * @param length - tokens of the sequence, which only `dynamic` and `longrope` look at; default 0
 * @returns `frequencies`, length `rotarySize / 2`, and the factor of all cosines and sines
 * @example
 * ```ts
 * import { ropeFrequencies } from "@provably/transformer-sparsity/griffin";
 *
 * ropeFrequencies({ kind: "rope", rotarySize: 4, base: 10000, scaling: { type: "linear", factor: 4 } }).frequencies; // => Float64Array.of(0.25, 0.0025)
 * ```
 * @see Su et al. (2021), "RoFormer"; Peng et al. (2023), "YaRN", section 3.2; Ding et al. (2024), "LongRoPE"; the Llama 3.1 release for `llama3`
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
      const [from, to] = [dimension(scaling.betaFast), dimension(scaling.betaSlow)];
      const low = Math.max(0, scaling.truncate ? Math.floor(from) : from);
      const high = Math.min(r - 1, scaling.truncate ? Math.ceil(to) : to);
      const span = high === low ? 0.001 : high - low;
      const scaled = frequencies.map((theta, i) => {
        const ramp = Math.min(1, Math.max(0, (i - low) / span));
        return theta * (1 - ramp) + (theta / scaling.factor) * ramp;
      });
      return { frequencies: scaled, factor: scaling.attentionFactor };
    }
    case "longrope": {
      const factors = length > scaling.originalLength ? scaling.longFactors : scaling.shortFactors;
      return {
        frequencies: frequencies.map((theta, i) => theta / factors[i]!),
        factor: scaling.attentionFactor,
      };
    }
    default:
      return { frequencies, factor: 1 };
  }
}

/** Cosines and sines of `count` positions from `start` on, `[count, rotarySize / 2]` each, in a sequence of `length` tokens. */
export function ropeTable(
  rope: RopeConfig,
  start: number,
  count: number,
  length = start + count,
): { readonly cos: Float32Array; readonly sin: Float32Array } {
  const { frequencies, factor } = frequenciesOf(rope, length);
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
