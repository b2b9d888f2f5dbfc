/** Vectors from a known model: content and style from noise by affine maps that depend on the domain, mixed so that style touches few coordinates. */
import { DomainError, type NdArray, array, toTypedArray } from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  nonNegativeNumber,
  oneOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normal, uniform } from "@provably/core-tensor/random";

/** Numbers of an array beyond which sizes are taken for mistakes. */
const MOST_NUMBERS = 2 ** 28;

/**
 * Options of {@link makeVectors}.
 * @category Synthetic data
 */
export interface MakeVectorsOptions {
  /** Length $p$ of a vector; default 16. */
  readonly size?: number;
  /** Default 4. */
  readonly contentSize?: number;
  /** Default 2. */
  readonly styleSize?: number;
  /** Default 4. */
  readonly numDomains?: number;
  /** Coordinates that one style touches; default 3. */
  readonly styleSupport?: number;
  /** Default 0. */
  readonly noise?: number;
  /** Element type of the observations; default float32. */
  readonly dtype?: "float32" | "float64";
}

/**
 * Vectors and their truth.
 * @category Synthetic data
 */
export interface VectorData {
  /** Shape `[N, p]`. */
  readonly observed: NdArray;
  readonly domains: readonly number[];
  /** Shapes `[N, n_c]` and `[N, n_s]`, float64. */
  readonly content: NdArray;
  readonly style: NdArray;
  /** The noise behind them. */
  readonly contentNoise: NdArray;
  readonly styleNoise: NdArray;
  /** The same rows with the negated style noise, shape `[N, p]`, without observation noise. */
  readonly counterfactuals: NdArray;
}

/**
 * Vectors of several domains with known content and style,
 *
 * $$c = a_u + b_u \odot \tilde c, \quad s = W_u c + v_u + e_u \odot \tilde s, \quad x = M_c\,\varphi(c) + M_s\,\varphi(s), \quad
 *   \varphi(t) = t + 0.45 \sin 2t.$$
 *
 * $M_c$ is dense; style $i$ touches `styleSupport` neighbouring coordinates, so it influences fewer than any content does. The model comes from the key,
 * row $i$ from the key and $i$.
 *
 * @param count - number of rows
 * @param key - random key
 * @param options - see {@link MakeVectorsOptions}
 * @returns see {@link VectorData}
 * @throws `DomainError` when a size is out of range
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { makeVectors } from "@provably/causal-latent/matte";
 *
 * makeVectors(100, key(0)).observed.shape; // => [100, 16]
 * ```
 * @category Synthetic data
 */
export function makeVectors(
  count: number,
  key: RngKey,
  options: MakeVectorsOptions = {},
): VectorData {
  const {
    size = 16,
    contentSize = 4,
    styleSize = 2,
    numDomains = 4,
    styleSupport = 3,
    noise = 0,
    dtype = "float32",
  } = checkOptions("makeVectors", options, {
    size: anything,
    contentSize: anything,
    styleSize: anything,
    numDomains: anything,
    styleSupport: anything,
    noise: anything,
    dtype: anything,
  });
  check("makeVectors", "dtype", dtype, oneOf("float32", "float64"));
  for (const [name, value] of Object.entries({
    count,
    size,
    contentSize,
    styleSize,
    numDomains,
    styleSupport,
  }))
    check("makeVectors", name, value, wholeNumber());
  if (styleSupport > size)
    throw new DomainError(
      `makeVectors: styleSupport must be at most size = ${size}, got ${styleSupport}`,
    );
  check("makeVectors", "noise", noise, nonNegativeNumber);
  const widest = Math.max(count, numDomains * contentSize) * Math.max(size, contentSize, styleSize);
  if (widest * styleSize > MOST_NUMBERS)
    throw new DomainError(
      `makeVectors: count and sizes must make at most ${MOST_NUMBERS} numbers, got ${widest * styleSize}`,
    );
  const draw = (name: string, n: number): ArrayLike<number> =>
    toTypedArray(normal(foldIn(key, name), [n], { dtype: "float64" }));
  const between = (name: string, n: number): ArrayLike<number> =>
    toTypedArray(uniform(foldIn(key, name), [n], { low: 0.5, high: 1.5, dtype: "float64" }));
  const a = draw("a", numDomains * contentSize);
  const b = between("b", numDomains * contentSize);
  const W = draw("W", numDomains * styleSize * contentSize);
  const v = draw("v", numDomains * styleSize);
  const e = between("e", numDomains * styleSize);
  const mixContent = draw("Mc", size * contentSize);
  const mixStyle = draw("Ms", styleSupport * styleSize);
  const bend = (t: number): number => t + 0.45 * Math.sin(2 * t);

  const blank = (n: number): Float64Array => new Float64Array(count * n);
  const [content, contentNoise, style, styleNoise] = [
    blank(contentSize),
    blank(contentSize),
    blank(styleSize),
    blank(styleSize),
  ];
  const [observed, counterfactuals] = [blank(size), blank(size)];
  const domains = new Array<number>(count);
  for (let row = 0; row < count; row++) {
    const rowKey = foldIn(key, row);
    const u = Math.floor(
      (toTypedArray(uniform(foldIn(rowKey, "u"), [1], { dtype: "float64" }))[0] as number) *
        numDomains,
    );
    domains[row] = u;
    const z = toTypedArray(
      normal(rowKey, [contentSize + styleSize + size], { dtype: "float64" }),
    ) as ArrayLike<number>;
    const flipped = new Float64Array(styleSize);
    for (let j = 0; j < contentSize; j++) {
      contentNoise[row * contentSize + j] = z[j]!;
      content[row * contentSize + j] = a[u * contentSize + j]! + b[u * contentSize + j]! * z[j]!;
    }
    for (let i = 0; i < styleSize; i++) {
      let center = v[u * styleSize + i]!;
      // halved rows of W keep the style's dependence on content moderate
      for (let j = 0; j < contentSize; j++)
        center += 0.5 * W[(u * styleSize + i) * contentSize + j]! * content[row * contentSize + j]!;
      const step = e[u * styleSize + i]! * z[contentSize + i]!;
      styleNoise[row * styleSize + i] = z[contentSize + i]!;
      style[row * styleSize + i] = center + step;
      flipped[i] = center - step;
    }
    for (let k = 0; k < size; k++) {
      let base = 0;
      for (let j = 0; j < contentSize; j++)
        base += mixContent[k * contentSize + j]! * bend(content[row * contentSize + j]!);
      observed[row * size + k] = base + noise * z[contentSize + styleSize + k]!;
      counterfactuals[row * size + k] = base;
    }
    for (let i = 0; i < styleSize; i++)
      for (let r = 0; r < styleSupport; r++) {
        const k = (i * styleSupport + r) % size;
        const weight = mixStyle[i * styleSupport + r]!;
        observed[row * size + k]! += weight * bend(style[row * styleSize + i]!);
        counterfactuals[row * size + k]! += weight * bend(flipped[i]!);
      }
  }
  const matrix = (x: Float64Array, n: number, type: "float32" | "float64" = "float64"): NdArray =>
    array(x, { shape: [count, n], dtype: type });
  return {
    observed: matrix(observed, size, dtype),
    domains,
    content: matrix(content, contentSize),
    style: matrix(style, styleSize),
    contentNoise: matrix(contentNoise, contentSize),
    styleNoise: matrix(styleNoise, styleSize),
    counterfactuals: matrix(counterfactuals, size, dtype),
  };
}
