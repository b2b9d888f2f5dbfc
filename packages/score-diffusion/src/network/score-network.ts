/** A small convolutional score network for square grey images. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  add,
  asType,
  atan2,
  attention,
  concat,
  conv2d,
  expandDims,
  groupNorm,
  linear,
  mul,
  reshape,
  silu,
  split,
  timestepEmbedding,
  transpose,
  upsampleNearest2d,
  zeros,
} from "@provably/core-tensor";
import { anyRecord, anything, check, recordOf, show } from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normal } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import type { BatchLevels, Network } from "./network.js";

const CONFIG = recordOf({ side: anything, channels: anything });

/**
 * Size of a score network.
 * @category Networks
 */
export interface ScoreNetworkConfig {
  /** Side of the images in pixels, a multiple of 4. */
  readonly side: number;
  /** Channels of the finer grid (side / 2), a multiple of 8; the coarser grid has twice as many. */
  readonly channels: number;
}

/**
 * The weights of a score network, by name; `encodeSafetensors` of core-tensor stores them.
 * @category Networks
 */
export type ScoreNetworkParams = Readonly<Record<string, NdArray>>;

/**
 * A score network: a {@link Network} that can also make its first weights.
 * @category Networks
 */
export interface ScoreNetwork extends Network<ScoreNetworkParams> {
  readonly prediction: "v";
  /** Fresh weights, float32: normal, scaled by the number of inputs; the end of every residual branch is 0, so that training starts from the identity. */
  init(key: RngKey): ScoreNetworkParams;
}

const GROUPS = 8;

function checkConfig(fn: string, config: ScoreNetworkConfig): void {
  const { side, channels } = check(fn, "config", config, CONFIG);
  if (!Number.isInteger(side) || side < 4 || side % 4 !== 0)
    throw new DomainError(`${fn}: side must be a positive multiple of 4, got ${show(side)}`);
  if (!Number.isInteger(channels) || channels < 8 || channels % 8 !== 0)
    throw new DomainError(
      `${fn}: channels must be a positive multiple of 8, got ${show(channels)}`,
    );
}

/** Every residual block: name, channels in and out. */
function blocks(channels: number): readonly (readonly [string, number, number])[] {
  const wide = 2 * channels;
  return [
    ["down0", channels, channels],
    ["down1", channels, channels],
    ["middle0", wide, wide],
    ["middle1", wide, wide],
    ["up0", wide, channels],
    ["up1", channels, channels],
  ];
}

function init(key: RngKey, { channels }: ScoreNetworkConfig): ScoreNetworkParams {
  const wide = 2 * channels;
  const params: Record<string, NdArray> = {};
  const weights = (
    name: string,
    shape: number[],
    fanIn: number,
    fanOut: number,
    gain: number,
  ): void => {
    params[`${name}.weight`] =
      gain === 0
        ? zeros(shape, { dtype: "float32" })
        : normal(foldIn(key, name), shape, { dtype: "float32", std: gain / Math.sqrt(fanIn) });
    params[`${name}.bias`] = zeros([fanOut], { dtype: "float32" });
  };
  const dense = (name: string, from: number, to: number, gain = 1): void =>
    weights(name, [from, to], from, to, gain);
  const conv = (name: string, from: number, to: number, side = 3, gain = 1): void =>
    weights(name, [to, from, side, side], from * side * side, to, gain);
  dense("time0", channels, wide);
  dense("time1", wide, wide);
  conv("in", 4, channels);
  for (const [name, from, to] of blocks(channels)) {
    conv(`${name}.conv0`, from, to);
    conv(`${name}.conv1`, to, to, 3, 0);
    dense(`${name}.modulate`, wide, 2 * to, 0);
    if (from !== to) conv(`${name}.skip`, from, to, 1);
  }
  conv("shrink", channels, wide);
  dense("attention.qkv", wide, 3 * wide);
  dense("attention.out", wide, wide, 0);
  conv("grow", wide, channels);
  conv("out", channels, 4, 3, 0);
  return params;
}

function weightOf(params: ScoreNetworkParams, name: string): NdArray {
  return arrayOf("scoreNetwork", `params["${name}"]`, params[name] as NdArray);
}

function residual(params: ScoreNetworkParams, name: string, x: NdArray, time: NdArray): NdArray {
  const weight = (layer: string): NdArray => weightOf(params, `${name}.${layer}.weight`);
  const bias = (layer: string): NdArray => weightOf(params, `${name}.${layer}.bias`);
  const channels = bias("conv0").shape[0]!;
  const first = conv2d(silu(groupNorm(x, GROUPS)), weight("conv0"), {
    padding: 1,
    bias: bias("conv0"),
  });
  const modulation = reshape(linear(time, weight("modulate"), bias("modulate")), [
    x.shape[0]!,
    2 * channels,
    1,
    1,
  ]);
  const [scale, shift] = split(modulation, 2, { axis: 1 }) as [NdArray, NdArray];
  const modulated = add(mul(groupNorm(first, GROUPS), add(1, scale)), shift);
  const branch = conv2d(silu(modulated), weight("conv1"), { padding: 1, bias: bias("conv1") });
  return add(
    x.shape[1] === channels ? x : conv2d(x, weight("skip"), { bias: bias("skip") }),
    branch,
  );
}

/** Attention among all places of the coarse grid. */
function attend(params: ScoreNetworkParams, x: NdArray): NdArray {
  const [n, c, h, w] = x.shape as readonly [number, number, number, number];
  const tokens = transpose(reshape(groupNorm(x, GROUPS), [n, c, h * w]), [0, 2, 1]);
  const qkv = linear(
    tokens,
    weightOf(params, "attention.qkv.weight"),
    weightOf(params, "attention.qkv.bias"),
  );
  const [queries, keys, values] = split(expandDims(qkv, 1), 3, { axis: -1 }) as [
    NdArray,
    NdArray,
    NdArray,
  ];
  const mixed = reshape(attention(queries, keys, values), [n, h * w, c]);
  const out = linear(
    mixed,
    weightOf(params, "attention.out.weight"),
    weightOf(params, "attention.out.bias"),
  );
  return add(x, reshape(transpose(out, [0, 2, 1]), x.shape));
}

/**
 * A small convolutional network for the score of square grey images: squares of 2 × 2 pixels go through residual blocks on two grids, with attention on the
 * coarser one and a bridge between equal grids; group normalisation, modulated by the noise level.
 *
 * It predicts the velocity $v = \alpha\varepsilon - \sigma x_0$ of images `[n, side²]`, whose target has about unit size at every level. About
 * $115 \cdot$ `channels`² · `side`² multiplications an image.
 *
 * @param config - see {@link ScoreNetworkConfig}
 * @returns see {@link ScoreNetwork}
 * @throws `DomainError` when the sizes do not fit
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { networkModel, sample, scoreNetwork } from "@provably/score-diffusion";
 * import { ddim } from "@provably/score-diffusion/samplers";
 *
 * const network = scoreNetwork({ side: 8, channels: 8 });
 * const params = network.init(key(0));
 * network.apply(params, zeros([2, 64]), { alpha: [1, 0.6], sigma: [0, 0.8] }).shape; // => [2, 64]
 * sample(ddim(), networkModel(network, params), key(1), { shape: [2, 64], numSteps: 20 }).samples.shape; // => [2, 64]
 * ```
 * @see Ho, Jain, Abbeel (2020), "Denoising diffusion probabilistic models", appendix B; Salimans, Ho (2022) for the velocity
 * @category Networks
 */
export function scoreNetwork(config: ScoreNetworkConfig): ScoreNetwork {
  checkConfig("scoreNetwork", config);
  return {
    prediction: "v",
    init: (key) => init(key, config),
    apply: (params, x, levels) => apply(params, x, levels, config),
  };
}

function apply(
  params: ScoreNetworkParams,
  x: NdArray,
  levels: BatchLevels,
  { side, channels }: ScoreNetworkConfig,
): NdArray {
  check("scoreNetwork", "params", params, anyRecord);
  check("scoreNetwork", "levels", levels, anyRecord);
  if (arrayOf("scoreNetwork", "x", x).shape.length !== 2 || x.shape[1] !== side * side)
    throw new ShapeError(
      `scoreNetwork: x must be [n, ${side * side}], got [${x.shape.join(", ")}]`,
    );
  const n = x.shape[0]!;
  const half = side / 2;
  const layer = (name: string, input: NdArray): NdArray =>
    linear(input, weightOf(params, `${name}.weight`), weightOf(params, `${name}.bias`));
  const conv = (name: string, input: NdArray, stride = 1): NdArray =>
    conv2d(input, weightOf(params, `${name}.weight`), {
      padding: 1,
      stride,
      bias: weightOf(params, `${name}.bias`),
    });

  const time = silu(
    layer("time1", silu(layer("time0", timestepEmbedding(angles(levels), channels)))),
  );
  const squares = transpose(reshape(asType(x, "float32"), [n, half, 2, half, 2]), [0, 2, 4, 1, 3]);
  let h = conv("in", reshape(squares, [n, 4, half, half]));
  h = residual(params, "down0", h, time);
  const fine = residual(params, "down1", h, time);
  h = residual(params, "middle0", conv("shrink", fine, 2), time);
  h = residual(params, "middle1", attend(params, h), time);
  h = concat([conv("grow", upsampleNearest2d(h, 2)), fine], { axis: 1 });
  h = residual(params, "up1", residual(params, "up0", h, time), time);
  h = conv("out", silu(groupNorm(h, GROUPS)));
  return reshape(transpose(reshape(h, [n, 2, 2, half, half]), [0, 3, 1, 4, 2]), [n, side * side]);
}

/** Noise as an angle on a scale to 1000: 0 is clean, 1000 is pure noise. */
function angles({ alpha, sigma }: BatchLevels): NdArray {
  return mul(2000 / Math.PI, atan2(asType(sigma, "float32"), asType(alpha, "float32")));
}
