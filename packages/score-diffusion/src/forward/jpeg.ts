/** The coefficients that JPEG rounds. */
import {
  DomainError,
  type NdArray,
  array,
  matmul,
  mul,
  reshape,
  transpose,
} from "@provably/core-tensor";
import {
  check,
  numberIn,
  oneOf,
  optional,
  positiveNumber,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { blockOperators, composeOperators } from "./algebra.js";
import type { ForwardModel } from "./forward-model.js";
import { type LinearOperator, batchOf, spectralArguments } from "./operator.js";
import { roundedSensing } from "./rounded-sensing.js";
import { superResolution } from "./super-resolution.js";

const JPEG = recordOf({
  height: wholeNumber(1),
  width: wholeNumber(1),
  channels: optional(oneOf(1, 3)),
  chroma: optional(oneOf(1, 2)),
  quality: optional(numberIn(1, 99)),
  block: optional(wholeNumber(1)),
  theta: optional(positiveNumber),
});

/** The orthonormal cosine transform of one axis in blocks, [n, n]. */
function blockCosine(n: number, block: number): NdArray {
  const weights = new Float64Array(n * n);
  for (let start = 0; start < n; start += block)
    for (let k = 0; k < block; k++)
      for (let j = 0; j < block; j++)
        weights[(start + k) * n + start + j] =
          Math.sqrt((k === 0 ? 1 : 2) / block) *
          Math.cos((Math.PI * (2 * j + 1) * k) / (2 * block));
  return array(weights, { shape: [n, n] });
}

/** Steps of the luminance of JPEG at quality 50, for 8 × 8 coefficients of values from 0 to 255. */
const LUMINANCE = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
  14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
  92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];

/** Steps of the two chrominances of JPEG at quality 50. */
const CHROMINANCE = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
  47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/** Luminance and the two differences of colour, of red, green and blue in the same range, by Rec. 601. */
const COLORS = [
  [0.299, 0.587, 0.114],
  [-0.299 / 1.772, -0.587 / 1.772, 0.886 / 1.772],
  [0.701 / 1.402, -0.587 / 1.402, -0.114 / 1.402],
] as const;
/** Its greatest singular value, rounded up. */
const COLORS_NORM = 0.8039;

/**
 * JPEG-like compression of images in $[-1, 1]$: the cosine transform of blocks, rounded with the standard's steps at a quality.
 *
 * Images of three channels, red, green and blue, are first taken to luminance and two differences of colour, which are halved in extents by means of 2 × 2
 * pixels and rounded with the steps for chrominance. Dithered as in {@link roundedSensing}, so that it has a likelihood. In blocks of other than 8 the steps
 * of the nearest frequencies are taken.
 *
 * @param options - `height`, `width`: multiples of `block`, and of `block · chroma` in colour; `channels` 1 (default) or 3; `chroma` 2 (default) halves the
 *   differences of colour, 1 keeps them; `quality` in [1, 99], default 50; `block`, default 8; `theta` as in {@link roundedSensing}
 * @returns forward model on images `[n, channels · height · width]`
 * @throws `DomainError` when an option is out of range
 * @example
 * ```ts
 * import { jpeg } from "@provably/score-diffusion";
 *
 * jpeg({ height: 28, width: 28, block: 4, quality: 10 }).outputSize; // => 784
 * jpeg({ height: 16, width: 16, channels: 3 }).outputSize; // => 384
 * ```
 * @see ITU-T Recommendation T.81 (1992), tables K.1 and K.2; T.871 (2011), section 6, for the colours
 * @category Forward models
 */
export function jpeg(options: {
  readonly height: number;
  readonly width: number;
  readonly channels?: 1 | 3;
  readonly chroma?: 1 | 2;
  readonly quality?: number;
  readonly block?: number;
  readonly theta?: number;
}): ForwardModel {
  const {
    height,
    width,
    channels = 1,
    chroma = channels === 3 ? 2 : 1,
    quality = 50,
    block = 8,
    theta,
  } = check("jpeg", "options", options, JPEG);
  if (channels === 1 && options.chroma !== undefined)
    throw new DomainError("jpeg: chroma is for images of 3 channels");
  if (height % (block * chroma) !== 0 || width % (block * chroma) !== 0)
    throw new DomainError(
      `jpeg: block${chroma === 2 ? " · 2" : ""} must divide height and width, got ${block * chroma} for ${height} × ${width}`,
    );
  const factor = (quality < 50 ? 50 / quality : 2 - quality / 50) * (2 / 255) * (block / 8);
  const frequency = (i: number): number => Math.floor(((i % block) * 8) / block);
  const stepsOf = (table: readonly number[], h: number, w: number): number[] =>
    Array.from({ length: h * w }, (_, at) => {
      const [row, column] = [Math.floor(at / w), at % w];
      return factor * table[8 * frequency(row) + frequency(column)]!;
    });
  const luminance = cosineBlocks(height, width, block);
  const steps = stepsOf(LUMINANCE, height, width);
  const [h, w] = [height / chroma, width / chroma];
  const difference =
    chroma === 1
      ? luminance
      : composeOperators(
          cosineBlocks(h, w, block),
          superResolution({ height, width, factor: chroma, filter: "box" }),
        );
  const colorSteps = stepsOf(CHROMINANCE, h, w);
  const operator =
    channels === 1
      ? luminance
      : composeOperators(
          blockOperators([luminance, difference, difference]),
          colorDifferences(height * width),
        );
  const allSteps = channels === 1 ? steps : [...steps, ...colorSteps, ...colorSteps];
  return {
    ...roundedSensing(
      operator,
      array(Float64Array.from(allSteps)),
      theta === undefined ? {} : { theta },
    ),
    name: `jpeg(${quality})`,
  };
}

/** Red, green and blue to luminance and differences, for every pixel. */
function colorDifferences(pixels: number): LinearOperator {
  const matrix = array(Float64Array.from(COLORS.flat()), { shape: [3, 3] });
  const times = (name: string, m: NdArray, x: NdArray): NdArray => {
    const rows = batchOf("jpeg", name, x, 3 * pixels);
    const n = rows.shape[0]!;
    return reshape(matmul(m, reshape(rows, [n, 3, pixels])), [n, 3 * pixels]);
  };
  return {
    name: "luminance and differences of colour",
    inputSize: 3 * pixels,
    outputSize: 3 * pixels,
    norm: COLORS_NORM,
    apply: (x) => times("x", matrix, x),
    adjoint: (y) => times("y", transpose(matrix), y),
  };
}

/** The cosine transform of all blocks of an image: orthonormal. */
function cosineBlocks(height: number, width: number, block: number): LinearOperator {
  const rows = blockCosine(height, block);
  const columns = height === width ? rows : blockCosine(width, block);
  const d = height * width;
  const image = (x: NdArray): NdArray =>
    reshape(batchOf("jpeg", "x", x, d), [x.shape[0]!, height, width]);
  const flat = (x: NdArray): NdArray => reshape(x, [x.shape[0]!, d]);
  return {
    name: "cosine blocks",
    inputSize: d,
    outputSize: d,
    norm: 1,
    apply: (x) => flat(matmul(matmul(rows, image(x)), transpose(columns))),
    adjoint: (y) => flat(matmul(matmul(transpose(rows), image(y)), columns)),
    normalFunction(f, points) {
      const v = spectralArguments("jpeg", f, points, d);
      return mul(f(1), v);
    },
  };
}
