/** Encodings of position and time. */
import {
  type Schema,
  anything,
  checkOptions,
  finiteNumber,
  satisfying,
  show,
  trueOrFalse,
} from "../check/index.js";
import { floatDType } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { checkShape, formatShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { add, mul, neg } from "./arithmetic.js";
import { arange, array } from "./create.js";
import { concat, stack } from "./join.js";
import { expandDims, reshape } from "./reshape.js";
import { slice, sliceAxis } from "./slice.js";
import { cos, sin } from "./trigonometric.js";

/**
 * Options of {@link rope}.
 * @category Networks
 */
export interface RopeOptions {
  /** Place of each row, shape `[T]`; default `positionOffset`, `positionOffset + 1`, …. */
  readonly positions?: ArrayInput;
  /** Place of the first row when `positions` is not given; default 0. */
  readonly positionOffset?: number;
  /** Longest wavelength is about $2\pi$ times this; default 10000. */
  readonly base?: number;
  /** Pair neighbouring features instead of the two halves; default false. */
  readonly interleaved?: boolean;
}

const ROPE: Schema<RopeOptions> = {
  positions: anything,
  positionOffset: finiteNumber,
  base: /* @__PURE__ */ satisfying("positive", (x) => typeof x === "number" && x > 0),
  interleaved: trueOrFalse,
};

/**
 * Rotary position encoding: feature pairs turned by angles $p\,\theta_i$ with $\theta_i = \text{base}^{-2i/d}$, so that inner products depend on distances.
 *
 * @param x - shape `[…, T, d]`, `d` even
 * @param options - see {@link RopeOptions}
 * @returns array of the shape of `x`
 * @throws {@link ShapeError} when `d` is odd or `positions` do not fit
 * @example
 * ```ts
 * import { rope, toNested } from "@provably/core-tensor";
 *
 * toNested(rope([[1, 0]])); // => [[1, 0]]
 * ```
 * @see Su et al. (2021), "RoFormer", eq. 34
 * @category Networks
 */
export function rope(x: ArrayInput, options: RopeOptions = {}): NdArray {
  const {
    positions,
    base = 10000,
    interleaved = false,
    positionOffset = 0,
  } = checkOptions("rope", options, ROPE);
  const a = toArray("rope", x);
  const [t, d] = a.shape.slice(-2);
  if (t === undefined || d === undefined || d % 2 !== 0)
    throw new ShapeError(`rope: x must be [T, d] with d even, got ${formatShape(a.shape)}`);
  const dtype = floatDType(a.dtype);
  const places =
    positions === undefined
      ? arange(positionOffset, positionOffset + t, 1, { dtype: "float64" })
      : convert(toArray("rope", positions, "positions"), "float64");
  if (places.shape.length !== 1 || places.shape[0] !== t)
    throw new ShapeError(
      `rope: positions must have shape [${t}], got ${formatShape(places.shape)}`,
    );
  const rates = array(Float64Array.from({ length: d / 2 }, (_, i) => base ** ((-2 * i) / d)));
  const angles = mul(expandDims(places, 1), rates);
  const [c, s] = [convert(cos(angles), dtype), convert(sin(angles), dtype)];
  const last = a.shape.length - 1;
  const lead = a.shape.slice(0, -1).map(() => 0);
  const [p, q] = interleaved
    ? [
        slice(a, [...lead, 0], [], [...lead.map(() => 1), 2]),
        slice(a, [...lead, 1], [], [...lead.map(() => 1), 2]),
      ]
    : [sliceAxis(a, last, 0, d / 2), sliceAxis(a, last, d / 2, d)];
  const turned = [add(mul(p, c), neg(mul(q, s))), add(mul(q, c), mul(p, s))];
  return interleaved
    ? reshape(stack(turned, { axis: -1 }), a.shape)
    : concat(turned, { axis: last });
}

/**
 * Sines and cosines of times at geometrically spaced frequencies, sines first: $\sin(t\,\omega_i), \cos(t\,\omega_i)$ with $\omega_i = P^{-2i/d}$.
 *
 * @param times - shape `[n]`
 * @param dim - number of features $d$, even
 * @param maxPeriod - $P$; default 10000
 * @returns array of shape `[n, dim]`
 * @throws {@link DomainError} when `dim` is not an even integer ≥ 2
 * @example
 * ```ts
 * import { timestepEmbedding, toNested } from "@provably/core-tensor";
 *
 * toNested(timestepEmbedding([0], 4)); // => [[0, 0, 1, 1]]
 * ```
 * @see Ho, Jain, Abbeel (2020), "Denoising diffusion probabilistic models"
 * @category Networks
 */
export function timestepEmbedding(times: ArrayInput, dim: number, maxPeriod = 10000): NdArray {
  const t = toArray("timestepEmbedding", times);
  if (!Number.isInteger(dim) || dim < 2 || dim % 2 !== 0)
    throw new DomainError(`timestepEmbedding: dim must be an even integer ≥ 2, got ${show(dim)}`);
  if (!(typeof maxPeriod === "number" && maxPeriod > 0))
    throw new DomainError(`timestepEmbedding: maxPeriod must be positive, got ${show(maxPeriod)}`);
  checkShape("timestepEmbedding", [...t.shape, dim], "the result");
  const dtype = floatDType(t.dtype);
  const rates = array(
    Float64Array.from({ length: dim / 2 }, (_, i) => maxPeriod ** ((-2 * i) / dim)),
  );
  const angles = mul(expandDims(t, -1), rates);
  return convert(concat([sin(angles), cos(angles)], { axis: -1 }), dtype);
}
