/** Images known only by the magnitudes of a Fourier transform. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  add,
  array,
  asType,
  div,
  greater,
  maximum,
  mul,
  reshape,
  sqrt,
  square,
  where,
} from "@provably/core-tensor";
import {
  anyNumber,
  anything,
  check,
  optional,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, randint } from "@provably/core-tensor/random";
import { type Complex, fourier } from "./fourier.js";
import { type Operator, batchOf } from "./operator.js";

const OPTIONS = recordOf({
  height: wholeNumber(1),
  width: wholeNumber(1),
  key: optional(anything),
  mask: optional(anything),
  oversample: optional(anyNumber),
});

/**
 * Options of {@link codedPhaseRetrieval}. Give either a `key` or a `mask`.
 * @category Forward models
 */
export interface PhaseRetrievalOptions {
  readonly height: number;
  readonly width: number;
  /** Key of a random mask: −1 or 1 with probability 1/8 each, else 0. */
  readonly key?: RngKey;
  /** A mask of your own, shape `[height, width]`. */
  readonly mask?: ArrayInput;
  /** $k$: images are padded by $k/8$ of their extents on every side; default 4, which doubles them. */
  readonly oversample?: number;
}

/**
 * Coded-mask phase retrieval, $|F\,\mathrm{pad}(m \odot x)|$ with the orthonormal Fourier transform: a nonlinear operator, blind to the sign of $x$ and to
 * everything where the mask is 0.
 *
 * @param options - see {@link PhaseRetrievalOptions}
 * @returns operator from `[n, height · width]` to the magnitudes of the padded image
 * @throws `DomainError` when neither or both of key and mask are given, or the padding is not a whole number
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { codedPhaseRetrieval } from "@provably/score-diffusion";
 *
 * codedPhaseRetrieval({ height: 8, width: 8, key: key(0) }).outputSize; // => 256
 * ```
 * @see Xu, Chi (2024), "Provably robust score-based diffusion posterior sampling for plug-and-play image reconstruction", section 5
 * @category Forward models
 */
export function codedPhaseRetrieval(options: PhaseRetrievalOptions): Operator {
  const {
    height,
    width,
    key,
    oversample = 4,
  } = check("codedPhaseRetrieval", "options", options, OPTIONS);
  if ((key === undefined) === (options.mask === undefined))
    throw new DomainError("codedPhaseRetrieval: give either key or mask");
  const [top, left] = [(height * oversample) / 8, (width * oversample) / 8];
  if (!(Number.isInteger(top) && Number.isInteger(left) && top >= 0 && left >= 0))
    throw new DomainError(
      `codedPhaseRetrieval: oversample / 8 of the extents must be whole, got ${top} and ${left}`,
    );
  const [h, w] = [height + 2 * top, width + 2 * left];
  check("codedPhaseRetrieval", "the padded image's number of pixels", h * w, wholeNumber());
  const mask =
    key === undefined
      ? reshape(asType(options.mask!, "float64"), [height, width])
      : randomMask(key, height, width);
  const transform = fourier(h, w, [top, left]);
  const spectrum = (x: NdArray): Complex => {
    const image = reshape(batchOf("codedPhaseRetrieval", "x", x, height * width), [
      x.shape[0]!,
      height,
      width,
    ]);
    return transform.forward(mul(image, mask));
  };
  const magnitude = ({ re, im }: Complex): NdArray => sqrt(add(square(re), square(im)));
  let norm = 0;
  for (const v of mask.data) norm = Math.max(norm, Math.abs(v));
  return {
    name: "codedPhaseRetrieval",
    inputSize: height * width,
    outputSize: h * w,
    norm,
    apply: (x) => reshape(magnitude(spectrum(x)), [x.shape[0]!, h * w]),
    vjp(x) {
      const z = spectrum(x);
      const size = magnitude(z);
      const n = x.shape[0]!;
      return [
        reshape(size, [n, h * w]),
        (cotangent) => {
          // where the magnitude is 0 its direction is free: none is taken
          const pull = div(
            where(greater(size, 0), reshape(cotangent, size.shape), 0),
            maximum(size, TINY),
          );
          const back = transform.inverseReal({ re: mul(z.re, pull), im: mul(z.im, pull) });
          return reshape(mul(back, mask), [n, height * width]);
        },
      ];
    },
  };
}

const TINY = 1e-300;

function randomMask(key: RngKey, height: number, width: number): NdArray {
  const drawn = randint(key, 0, 8, [height, width]);
  const values = Float64Array.from({ length: height * width }, (_, i) => {
    const v = drawn.get(Math.floor(i / width), i % width);
    return v === 0 ? -1 : v === 7 ? 1 : 0;
  });
  return array(values, { shape: [height, width] });
}
