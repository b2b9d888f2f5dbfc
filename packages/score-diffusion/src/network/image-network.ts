/** A fully convolutional score network for images of any size. */
import {
  type ArrayInput,
  type NdArray,
  ShapeError,
  add,
  asType,
  atan2,
  conv2d,
  div,
  linear,
  mul,
  reshape,
  silu,
  split,
  sqrt,
  square,
  timestepEmbedding,
  transpose,
  upsampleNearest2d,
  zeros,
} from "@provably/core-tensor";
import {
  anyRecord,
  check,
  optional,
  recordOf,
  rngKey,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normal } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import type { BatchLevels, Network } from "./network.js";
import type { ScoreNetworkParams } from "./score-network.js";

/**
 * Size of an image network.
 * @category Networks
 */
export interface ImageNetworkConfig {
  /** Channels of the images: 3 for colour, 1 for grey; default 3. */
  readonly colors?: number;
  /** Channels on the finer grid (a quarter of the image's side), even; default 64. */
  readonly channels?: number;
  /** Channels on the coarser grid (an eighth of the side); default 64. */
  readonly wide?: number;
}

/**
 * An image network: a {@link Network} of images `[n, colors, height, width]` that can also make its first weights.
 * @category Networks
 */
export interface ImageNetwork extends Network<ScoreNetworkParams> {
  readonly prediction: "v";
  /** Fresh weights, float32: normal, scaled by the number of inputs; the end of every residual branch is 0, so that training starts from the identity. */
  init(key: RngKey): ScoreNetworkParams;
}

/** Side of the squares of pixels that become one place of the finer grid. */
const SQUARE = 4;

/** Standard deviation that pixels of data in [−1, 1] are taken to have. */
const SPREAD = 0.5;

const CONFIG = recordOf({
  colors: optional(wholeNumber(1)),
  channels: optional(wholeNumber(2)),
  wide: optional(wholeNumber(1)),
});

type Sizes = Required<ImageNetworkConfig>;

/**
 * A convolutional network for the score of images of any size, `[n, colors, height, width]` with sides that 8 divides. Nothing in it depends on the place:
 * it is trained on small patches and asked about whole images, whose score it puts together from what it sees around every pixel (about 50 pixels far).
 *
 * Squares of 4 × 4 pixels go through residual blocks on two grids with a bridge between equal ones; the noise level modulates every block. There is no
 * normalisation over places, which would tie the answer to the size of the image. It predicts the velocity $v = \alpha\varepsilon - \sigma x_0$ as
 * $\tfrac{\alpha\sigma(1 - s^2)}{D}x + \tfrac{s}{\sqrt D} F(x/\sqrt D)$ with $D = \alpha^2 s^2 + \sigma^2$, $s = 0.5$: the best linear prediction for data of spread
 * $s$, and what the network $F$ adds. With the default sizes it has 0.3 million weights and makes $1.5\cdot 10^4$ multiplications a pixel.
 *
 * @param config - see {@link ImageNetworkConfig}
 * @returns see {@link ImageNetwork}
 * @throws `DomainError` when a size is out of range
 * @throws `ShapeError`, when applied, for points that are no such images
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { imageNetwork } from "@provably/score-diffusion";
 *
 * const network = imageNetwork({ channels: 8, wide: 8 });
 * const params = network.init(key(0));
 * network.apply(params, zeros([1, 3, 16, 24]), { alpha: [0.6], sigma: [0.8] }).shape; // => [1, 3, 16, 24]
 * ```
 * @see Zhang, Zuo, Zhang (2018), "FFDNet: toward a fast and flexible solution for CNN-based image denoising", for squares of pixels as channels and a given
 *   noise level; Karras, Aittala, Aila, Laine (2022), table 1, for the scaling
 * @category Networks
 */
export function imageNetwork(config: ImageNetworkConfig = {}): ImageNetwork {
  const { colors = 3, channels = 64, wide = 64 } = check("imageNetwork", "config", config, CONFIG);
  const sizes = { colors, channels, wide };
  return {
    prediction: "v",
    init: (key) => init(check("imageNetwork", "key", key, rngKey), sizes),
    apply: (params, x, levels) => apply(params, x, levels, sizes),
  };
}

function init(key: RngKey, { colors, channels, wide }: Sizes): ScoreNetworkParams {
  const params: Record<string, NdArray> = {};
  const layer = (name: string, shape: number[], inputs: number, gain: number): void => {
    params[`${name}.weight`] =
      gain === 0
        ? zeros(shape, { dtype: "float32" })
        : normal(foldIn(key, name), shape, { dtype: "float32", std: gain / Math.sqrt(inputs) });
    const outputs = shape.length === 4 ? shape[0]! : shape[1]!;
    params[`${name}.bias`] = zeros([outputs], { dtype: "float32" });
  };
  const dense = (name: string, from: number, to: number, gain = 1): void =>
    layer(name, [from, to], from, gain);
  const conv = (name: string, from: number, to: number, side = 3, gain = 1): void =>
    layer(name, [to, from, side, side], from * side * side, gain);
  const block = (name: string, width: number): void => {
    conv(`${name}.conv0`, width, width, 3, Math.SQRT2);
    conv(`${name}.conv1`, width, width, 3, 0);
    dense(`${name}.modulate`, wide, 2 * width, 0);
  };
  const pixels = colors * SQUARE * SQUARE;
  dense("time0", channels, wide);
  dense("time1", wide, wide);
  conv("in", pixels, channels);
  block("down", channels);
  conv("shrink", channels, wide);
  block("middle", wide);
  conv("grow", wide, channels, 1, 0.5);
  block("up", channels);
  conv("out", channels, pixels, 3, 0);
  return params;
}

function weightOf(params: ScoreNetworkParams, name: string): NdArray {
  return arrayOf("imageNetwork", `params["${name}"]`, params[name] as NdArray);
}

/** x + conv(silu((1 + scale) · conv(silu(x)) + shift)), scale and shift by the noise level. */
function residual(params: ScoreNetworkParams, name: string, x: NdArray, time: NdArray): NdArray {
  const conv = (layer: string, input: NdArray): NdArray =>
    conv2d(input, weightOf(params, `${name}.${layer}.weight`), {
      padding: 1,
      bias: weightOf(params, `${name}.${layer}.bias`),
    });
  const modulation = linear(
    time,
    weightOf(params, `${name}.modulate.weight`),
    weightOf(params, `${name}.modulate.bias`),
  );
  const [scale, shift] = split(reshape(modulation, [x.shape[0]!, 2 * x.shape[1]!, 1, 1]), 2, {
    axis: 1,
  }) as [NdArray, NdArray];
  const first = conv("conv0", silu(x));
  return add(x, conv("conv1", silu(add(mul(first, add(1, scale)), shift))));
}

function checkImages(x: NdArray, colors: number): void {
  const [, c, height = 0, width = 0] = arrayOf("imageNetwork", "x", x).shape;
  const fits = (side: number): boolean => side > 0 && side % (2 * SQUARE) === 0;
  if (x.shape.length !== 4 || c !== colors || !fits(height) || !fits(width))
    throw new ShapeError(
      `imageNetwork: x must be [n, ${colors}, height, width] with sides that ${2 * SQUARE} divides, got [${x.shape.join(", ")}]`,
    );
}

function apply(
  params: ScoreNetworkParams,
  x: NdArray,
  levels: BatchLevels,
  { colors, channels }: Sizes,
): NdArray {
  check("imageNetwork", "params", params, anyRecord);
  const { alpha, sigma } = check("imageNetwork", "levels", levels, anyRecord);
  checkImages(x, colors);
  const [n, , height, width] = x.shape as readonly [number, number, number, number];
  const [down, across] = [height / SQUARE, width / SQUARE];
  const dense = (name: string, input: NdArray): NdArray =>
    linear(input, weightOf(params, `${name}.weight`), weightOf(params, `${name}.bias`));
  const conv = (name: string, input: NdArray, stride = 1, padding = 1): NdArray =>
    conv2d(input, weightOf(params, `${name}.weight`), {
      padding,
      stride,
      bias: weightOf(params, `${name}.bias`),
    });
  // noise as an angle on a scale to 1000: 0 is clean, 1000 is pure noise
  const angle = mul(2000 / Math.PI, atan2(asType(sigma, "float32"), asType(alpha, "float32")));
  const time = silu(dense("time1", silu(dense("time0", timestepEmbedding(angle, channels)))));
  // of data of this spread the straight-line prediction is taken off, and what is left has unit size
  const row = (values: ArrayInput): NdArray => reshape(asType(values, "float32"), [n, 1, 1, 1]);
  const [a, s, points] = [row(alpha), row(sigma), asType(x, "float32")];
  const variance = add(mul(SPREAD ** 2, square(a)), square(s));
  const straight = mul(points, div(mul(1 - SPREAD ** 2, mul(a, s)), variance));
  const squares = reshape(
    transpose(
      reshape(div(points, sqrt(variance)), [n, colors, down, SQUARE, across, SQUARE]),
      [0, 1, 3, 5, 2, 4],
    ),
    [n, colors * SQUARE * SQUARE, down, across],
  );
  const fine = residual(params, "down", conv("in", squares), time);
  const coarse = residual(params, "middle", conv("shrink", silu(fine), 2), time);
  const both = add(fine, upsampleNearest2d(conv("grow", coarse, 1, 0), 2));
  const out = conv("out", silu(residual(params, "up", both, time)));
  const left = reshape(
    transpose(reshape(out, [n, colors, SQUARE, SQUARE, down, across]), [0, 1, 4, 2, 5, 3]),
    [n, colors, height, width],
  );
  return add(straight, mul(div(SPREAD, sqrt(variance)), left));
}
