/** How alike two pictures look, by their edges. */
import {
  type ArrayInput,
  type NdArray,
  ShapeError,
  add,
  array,
  asType,
  avgPool2d,
  conv2d,
  div,
  item,
  mean,
  mul,
  reshape,
  sqrt,
  square,
  sub,
} from "@provably/core-tensor";
import { checkOptions, positiveNumber } from "@provably/core-tensor/internal";
import type { ImageQualityOptions } from "./image-quality.js";

const OPTIONS = { range: positiveNumber };

/** Keeps quotients steady, for values from 0 to 255. */
const STEADY = 170;

/** Prewitt's filters of the two directions. */
const FILTERS = array(
  Float64Array.from([1, 0, -1, 1, 0, -1, 1, 0, -1, 1, 1, 1, 0, 0, 0, -1, -1, -1], (v) => v / 3),
  { shape: [2, 1, 3, 3] },
);

/** Luminance `[1, 1, height, width]` of an image, by the weights of Rec. 601 where it has three channels. */
function luminance(image: NdArray): NdArray {
  const [channels, height, width] = image.shape as readonly [number, number, number];
  const weights = channels === 3 ? [0.299, 0.587, 0.114] : [1];
  return conv2d(
    reshape(image, [1, channels, height, width]),
    array(Float64Array.from(weights), { shape: [1, channels, 1, 1] }),
  );
}

/** Lengths of the gradient of the image at half its size, as published. */
function edges(image: NdArray): NdArray {
  const halved = avgPool2d(luminance(image), 2);
  return sqrt(mean(mul(2, square(conv2d(halved, FILTERS, { padding: 1 }))), { axis: 1 }));
}

/**
 * The deviation of gradient-magnitude similarity: the standard deviation over places of $\tfrac{2 g_a g_b + c}{g_a^2 + g_b^2 + c}$, where $g$ is the length of
 * Prewitt's gradient of the luminance at half the size, and $c = 170$ for values from 0 to 255. Nothing in it is learned; 0 for equal images, smaller is more alike.
 *
 * @param a - image, shape `[height, width]`, `[1, height, width]` or `[3, height, width]` (red, green, blue), at least 4 pixels high and wide
 * @param b - image of the same shape
 * @param options - see {@link ImageQualityOptions}
 * @returns number ≥ 0
 * @throws `ShapeError` when the shapes differ or are of another kind
 * @throws `DomainError` when the range is not positive
 * @example
 * ```ts
 * import { eye } from "@provably/core-tensor";
 * import { gradientSimilarityDeviation } from "@provably/score-diffusion";
 *
 * gradientSimilarityDeviation(eye(16), eye(16)); // => 0
 * ```
 * @see Xue, Zhang, Mou, Bovik (2014), "Gradient magnitude similarity deviation: a highly efficient perceptual image quality index"
 * @category Metrics
 */
export function gradientSimilarityDeviation(
  a: ArrayInput,
  b: ArrayInput,
  options: ImageQualityOptions = {},
): number {
  const fn = "gradientSimilarityDeviation";
  const { range = 2 } = checkOptions(fn, options, OPTIONS);
  const [x, y] = [asType(a, "float64"), asType(b, "float64")];
  if (x.shape.join() !== y.shape.join())
    throw new ShapeError(
      `${fn}: a and b must have the same shape, got [${x.shape.join(", ")}] and [${y.shape.join(", ")}]`,
    );
  const whole = x.shape.length === 2 ? [1, ...x.shape] : x.shape;
  const [channels, height = 0, width = 0] = whole;
  if (whole.length !== 3 || (channels !== 1 && channels !== 3) || height < 4 || width < 4)
    throw new ShapeError(
      `${fn}: images must be [height, width] or [1 or 3, height, width] of at least 4 pixels, got [${x.shape.join(", ")}]`,
    );
  const [p, q] = [edges(reshape(x, whole)), edges(reshape(y, whole))];
  const c = STEADY * (range / 255) ** 2;
  const similarity = div(add(mul(2, mul(p, q)), c), add(add(square(p), square(q)), c));
  return Math.sqrt(item(mean(square(sub(similarity, item(mean(similarity)))))));
}
