/** How close a picture is to another: signal-to-noise ratio and structural similarity. */
import {
  type ArrayInput,
  type NdArray,
  ShapeError,
  add,
  array,
  asType,
  conv2d,
  div,
  item,
  mean,
  mul,
  reshape,
  square,
  sub,
} from "@provably/core-tensor";
import { checkOptions, positiveNumber } from "@provably/core-tensor/internal";

const OPTIONS = { range: positiveNumber };

/**
 * Options of {@link psnr} and {@link ssim}.
 * @category Metrics
 */
export interface ImageQualityOptions {
  /** Distance between the least and the greatest value that a pixel can have; default 2, for images in $[-1, 1]$. */
  readonly range?: number;
}

function images(fn: string, a: ArrayInput, b: ArrayInput): readonly [NdArray, NdArray] {
  const [x, y] = [asType(a, "float64"), asType(b, "float64")];
  if (x.shape.join() !== y.shape.join())
    throw new ShapeError(
      `${fn}: a and b must have the same shape, got [${x.shape.join(", ")}] and [${y.shape.join(", ")}]`,
    );
  if (x.size === 0)
    throw new ShapeError(`${fn}: images must not be empty, got [${x.shape.join(", ")}]`);
  return [x, y];
}

/**
 * The peak signal-to-noise ratio $10 \log_{10}(\text{range}^2/\text{MSE})$.
 *
 * @param a - image, any shape
 * @param b - image of the same shape
 * @param options - see {@link ImageQualityOptions}
 * @returns decibels; infinite for equal images
 * @throws `ShapeError` when the shapes differ
 * @throws `DomainError` when the range is not positive
 * @example
 * ```ts
 * import { psnr } from "@provably/score-diffusion";
 *
 * psnr([[0, 0]], [[0.1, 0.1]], { range: 1 }).toFixed(6); // => "20.000000"
 * ```
 * @category Metrics
 */
export function psnr(a: ArrayInput, b: ArrayInput, options: ImageQualityOptions = {}): number {
  const { range = 2 } = checkOptions("psnr", options, OPTIONS);
  const [x, y] = images("psnr", a, b);
  return 10 * Math.log10(range ** 2 / item(mean(square(sub(x, y)))));
}

/** Side and standard deviation of the window, and the constants that keep quotients steady. */
const [WINDOW, SPREAD, K1, K2] = [11, 1.5, 0.01, 0.03];

const profile = Array.from({ length: WINDOW }, (_, i) =>
  Math.exp(-((i - (WINDOW - 1) / 2) ** 2) / (2 * SPREAD ** 2)),
);
const profileSum = profile.reduce((a, b) => a + b, 0);
const weights = Float64Array.from(profile, (w) => w / profileSum);

/** Gaussian-weighted local means of `[c, h, w]` where the window fits: down the columns, then along the rows. */
function localMean(x: NdArray): NdArray {
  const [c, h, w] = x.shape as readonly [number, number, number];
  const columns = conv2d(reshape(x, [c, 1, h, w]), array(weights, { shape: [1, 1, WINDOW, 1] }));
  return conv2d(columns, array(weights, { shape: [1, 1, 1, WINDOW] }));
}

/**
 * The structural similarity of two images: the mean over places of $\tfrac{(2\mu_a\mu_b + c_1)(2\sigma_{ab} + c_2)}{(\mu_a^2 + \mu_b^2 + c_1)(\sigma_a^2 + \sigma_b^2 + c_2)}$ with local moments under an $11 \times 11$ Gaussian
 * window ($\sigma = 1.5$) and $c_i = (K_i \cdot \text{range})^2$, $K = (0.01, 0.03)$.
 *
 * Only where the whole window lies inside; population moments; the mean over channels.
 *
 * @param a - image, shape `[height, width]` or `[channels, height, width]`, at least 11 pixels high and wide
 * @param b - image of the same shape
 * @param options - see {@link ImageQualityOptions}
 * @returns number up to 1, for equal images
 * @throws `ShapeError` when the shapes differ or the images are too small
 * @throws `DomainError` when the range is not positive
 * @example
 * ```ts
 * import { eye } from "@provably/core-tensor";
 * import { ssim } from "@provably/score-diffusion";
 *
 * ssim(eye(16), eye(16)).toFixed(6); // => "1.000000"
 * ```
 * @see Wang, Bovik, Sheikh, Simoncelli (2004), "Image quality assessment: from error visibility to structural similarity", eq. 13
 * @category Metrics
 */
export function ssim(a: ArrayInput, b: ArrayInput, options: ImageQualityOptions = {}): number {
  const { range = 2 } = checkOptions("ssim", options, OPTIONS);
  const [x, y] = images("ssim", a, b).map((image) =>
    image.shape.length === 2 ? reshape(image, [1, ...image.shape]) : image,
  ) as [NdArray, NdArray];
  if (x.shape.length !== 3 || x.shape[1]! < WINDOW || x.shape[2]! < WINDOW)
    throw new ShapeError(
      `ssim: images must be [height, width] or [channels, height, width] of at least ${WINDOW} pixels, got [${x.shape.join(", ")}]`,
    );
  const [c1, c2] = [(K1 * range) ** 2, (K2 * range) ** 2];
  const [meanX, meanY] = [localMean(x), localMean(y)];
  const [squareX, squareY, product] = [square(meanX), square(meanY), mul(meanX, meanY)];
  const variances = sub(add(localMean(square(x)), localMean(square(y))), add(squareX, squareY));
  const covariance = sub(localMean(mul(x, y)), product);
  const similarity = div(
    mul(add(mul(2, product), c1), add(mul(2, covariance), c2)),
    mul(add(add(squareX, squareY), c1), add(variances, c2)),
  );
  return item(mean(similarity));
}
