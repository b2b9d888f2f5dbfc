/** The contrastive twin: the same encoder, trained to tell images apart under random distortions. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  add,
  array,
  concat,
  div,
  eye,
  gelu,
  logSoftmax,
  matmul,
  matrixTranspose,
  mean,
  mul,
  norm,
  reshape,
  slice,
  sum,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anyNumber,
  anyRecord,
  check,
  checkOptions,
  type Guard,
  listOf,
  nonNegativeNumber,
  positiveNumber,
  tensor,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normal, uniform } from "@provably/core-tensor/random";

import { optionsGuard } from "../../internal/options.js";
import { dense } from "../internal/transformer.js";
import {
  type MaskedTransformer,
  type MaskedTransformerConfig,
  type TransformerParams,
  checkTransformer,
  contrastive,
  freshParams,
  fullConfig,
} from "./config.js";
import { encodePatches } from "./encode.js";
import { checkScale, toPatches } from "./forward.js";
import {
  type PretrainingOptions,
  type PretrainingResult,
  PRETRAINING,
  optimize,
} from "./pretrain.js";

/**
 * Random distortions of images: each is rotated, scaled and shifted about its centre, and gets noise. All optional.
 * @category Contrastive pretraining
 */
export interface AugmentOptions {
  /** Greatest angle either way, radians; default 0.35. */
  readonly rotation?: number;
  /** Least and greatest scale; default [0.75, 1.25]. */
  readonly scale?: readonly [number, number];
  /** Greatest shift either way, as a share of half the side; default 0.2. */
  readonly shift?: number;
  /** Standard deviation of the noise; default 0.05. */
  readonly noise?: number;
}

const AUGMENT = {
  rotation: nonNegativeNumber,
  scale: listOf(anyNumber, 2) as Guard<readonly [number, number]>,
  shift: nonNegativeNumber,
  noise: nonNegativeNumber,
};

/**
 * Images under random distortions, image `i` by the key and `i` alone; what comes in from outside is 0.
 *
 * @param images - shape `[N, H, W]` or `[N, C, H, W]`
 * @param key - random key
 * @param options - see {@link AugmentOptions}
 * @returns array of the shape of `images`, float32
 * @throws `DomainError` when an option is out of range
 * @example
 * ```ts
 * import { ones } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { augmentImages } from "@provably/transformer-sparsity/mim";
 *
 * augmentImages(ones([2, 8, 8]), key(0)).shape; // => [2, 8, 8]
 * ```
 * @see Chen et al. (2020), "A simple framework for contrastive learning of visual representations", section 3
 * @category Contrastive pretraining
 */
export function augmentImages(images: NdArray, key: RngKey, options: AugmentOptions = {}): NdArray {
  const fn = "augmentImages";
  check(fn, "images", images, tensor);
  const {
    rotation = 0.35,
    scale = [0.75, 1.25],
    shift = 0.2,
    noise = 0.05,
  } = checkOptions<AugmentOptions>(fn, options, AUGMENT);
  if (images.shape.length !== 3 && images.shape.length !== 4)
    throw new ShapeError(
      `${fn}: images must be [N, H, W] or [N, C, H, W], got [${images.shape.join(", ")}]`,
    );
  if (!(scale[0] > 0 && scale[0] <= scale[1]))
    throw new DomainError(`augmentImages: scale must be 0 < low ≤ high, got ${scale.join(", ")}`);
  checkScale(fn, images);
  const [height, width] = images.shape.slice(-2) as [number, number];
  const data = toTypedArray(images);
  const plane = height * width;
  const planes = images.size / plane / images.shape[0]!;
  const out = new Float32Array(data.length);
  for (let i = 0; i < images.shape[0]!; i++) {
    const own = foldIn(key, i);
    const u = toTypedArray(uniform(own, [4], { dtype: "float64" }));
    const grain = toTypedArray(normal(foldIn(own, "noise"), [planes * plane], { std: noise }));
    const angle = (2 * u[0]! - 1) * rotation;
    const size = scale[0] + u[1]! * (scale[1] - scale[0]);
    const [dx, dy] = [(2 * u[2]! - 1) * shift, (2 * u[3]! - 1) * shift];
    const [cos, sin] = [Math.cos(angle) * size, Math.sin(angle) * size];
    for (let c = 0; c < planes; c++) {
      const from = (i * planes + c) * plane;
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          // the pixel's place on [-1, 1]², and where it comes from
          const [px, py] = [(2 * x + 1) / width - 1, (2 * y + 1) / height - 1];
          const sx = ((cos * px - sin * py + dx + 1) * width - 1) / 2;
          const sy = ((sin * px + cos * py + dy + 1) * height - 1) / 2;
          const at = y * width + x;
          out[from + at] = bilinear(data, from, width, height, sx, sy) + grain[c * plane + at]!;
        }
    }
  }
  return array(out, { shape: [...images.shape], copy: false });
}

function bilinear(
  data: ArrayLike<number>,
  from: number,
  width: number,
  height: number,
  x: number,
  y: number,
): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [fx, fy] = [x - left, y - top];
  const at = (i: number, j: number): number =>
    i < 0 || j < 0 || i >= width || j >= height ? 0 : data[from + j * width + i]!;
  return (
    (1 - fy) * ((1 - fx) * at(left, top) + fx * at(left + 1, top)) +
    fy * ((1 - fx) * at(left, top + 1) + fx * at(left + 1, top + 1))
  );
}

/**
 * A vision transformer for contrastive pretraining with fresh weights: the encoder of {@link createMaskedAutoencoder}, and a head of two layers on the mean token.
 *
 * @param key - random key; the encoder's weights are those of a masked autoencoder with the same key
 * @param config - see {@link MaskedTransformerConfig}; decoder and masking are not used
 * @returns see {@link MaskedTransformer}
 * @throws `DomainError` or `ShapeError` when the sizes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { createContrastive } from "@provably/transformer-sparsity/mim";
 *
 * createContrastive(key(0)).params["projector.1.weight"].shape; // => [64, 32]
 * ```
 * @category Contrastive pretraining
 */
export function createContrastive(
  key: RngKey,
  config: MaskedTransformerConfig = {},
): MaskedTransformer {
  const full = fullConfig("createContrastive", {
    ...check("createContrastive", "config", config, anyRecord),
    kind: "simmim",
  });
  return { config: full, params: freshParams(key, contrastive(full)) };
}

/**
 * Options of {@link pretrainContrastive}.
 * @category Contrastive pretraining
 */
export interface ContrastivePretrainingOptions extends PretrainingOptions {
  /** $\tau$; default 0.2. */
  readonly temperature?: number;
  /** Distortions; see {@link AugmentOptions}. */
  readonly augment?: AugmentOptions;
}

const CONTRASTIVE = {
  ...PRETRAINING,
  temperature: positiveNumber,
  augment: optionsGuard<AugmentOptions>(AUGMENT),
};

/**
 * Trains a vision transformer with the normalised temperature-scaled cross entropy: two distortions of each image of a batch should be more alike than either is
 * to any other.
 *
 * $$L = -\frac{1}{2B} \sum_i \log \frac{e^{\cos(z_i, z_{i'})/\tau}}{\sum_{j \ne i} e^{\cos(z_i, z_j)/\tau}}$$
 *
 * @param model - where to start, see {@link createContrastive}
 * @param images - shape `[N, H, W]` or `[N, C, H, W]`
 * @param key - random key
 * @param options - see {@link ContrastivePretrainingOptions}; defaults 8 epochs and a step size of 2e-3
 * @returns see {@link PretrainingResult}
 * @throws as {@link pretrain}
 * @example
 * ```ts
 * import { key, uniform } from "@provably/core-tensor/random";
 * import { createContrastive, pretrainContrastive } from "@provably/transformer-sparsity/mim";
 *
 * const model = createContrastive(key(0), { imageSize: 8, patchSize: 2, dim: 8, depth: 1, heads: 2 });
 * pretrainContrastive(model, uniform(key(1), [16, 8, 8]), key(2), { numEpochs: 1, batchSize: 8 }).losses.length; // => 2
 * ```
 * @see Chen et al. (2020), "A simple framework for contrastive learning of visual representations", eq. 1
 * @category Contrastive pretraining
 */
export function pretrainContrastive(
  model: MaskedTransformer,
  images: NdArray,
  key: RngKey,
  options: ContrastivePretrainingOptions = {},
): PretrainingResult {
  const fn = "pretrainContrastive";
  const {
    temperature = 0.2,
    augment = {},
    numEpochs = 8,
    learningRate = 2e-3,
    ...rest
  } = checkOptions<ContrastivePretrainingOptions>(fn, options, CONTRASTIVE);
  checkTransformer(fn, model);
  if (model.params["projector.0.weight"] === undefined)
    throw new DomainError(`${fn}: model must be made by createContrastive`);
  const { config } = model;
  toPatches(fn, config, images); // checks the images
  const { state, losses } = optimize(
    fn,
    model.params,
    images,
    key,
    { ...rest, numEpochs, learningRate },
    {
      prepare: (rows, stepKey) =>
        ["first", "second"].map((name) =>
          toPatches(fn, config, augmentImages(rows, foldIn(stepKey, name), augment)),
        ) as [NdArray, NdArray],
      loss(params, [first, second]) {
        const { tokens } = encodePatches(config, params, concat([first, second], { axis: 0 }));
        return contrastiveLoss(project(params, tokens, config.classToken), temperature);
      },
    },
  );
  return { model: { config, params: state.params }, state, losses };
}

function project(params: TransformerParams, tokens: NdArray, classToken: boolean): NdArray {
  const pooled = mean(classToken ? slice(tokens, [null, 1]) : tokens, { axis: 1 });
  return dense(params, "projector.1", gelu(dense(params, "projector.0", pooled)));
}

/** Rows `i` and `i + B` are a pair. */
function contrastiveLoss(projected: NdArray, temperature: number): NdArray {
  const rows = projected.shape[0]!;
  const unit = div(projected, add(norm(projected, { axis: 1, keepDims: true }), 1e-8));
  const cosines = mul(1 / temperature, matmul(unit, matrixTranspose(unit)));
  // a row is not compared with itself
  const logits = add(cosines, mul(-1e9, eye(rows, rows, { dtype: projected.dtype })));
  const pairs = new Float32Array(rows * rows);
  for (let i = 0; i < rows; i++) pairs[i * rows + ((i + rows / 2) % rows)] = -1 / rows;
  return reshape(
    sum(mul(logSoftmax(logits, { axis: 1 }), array(pairs, { shape: [rows, rows] }))),
    [],
  );
}
