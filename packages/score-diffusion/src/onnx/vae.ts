/** The autoencoder of latent models: images to the latents that a network knows, and back. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  add,
  array,
  asType,
  clip,
  div,
  exp,
  mul,
  slice,
  sub,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anyRecord,
  check,
  checkOptions,
  finiteNumber,
  optional,
  positiveNumber,
  recordOf,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, normal } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import {
  type OnnxRuntime,
  type OnnxSession,
  checkSession,
  namedValue,
  runSession,
  typeOf,
  valuesOf,
} from "./runtime.js";
import { SAMPLE_TYPES, decode, encode } from "./tensors.js";

/**
 * The two halves of an autoencoder and how its latents are scaled. At least one half is needed.
 * @category Networks
 */
export interface OnnxVaeParts {
  /** Session from images to the mean and the log variance of their latents, as twice their channels. */
  readonly encoder?: OnnxSession;
  /** Session from latents to images. */
  readonly decoder?: OnnxSession;
  /** `scaling_factor` of the configuration, default 0.18215: latents are multiplied by it. */
  readonly scalingFactor?: number;
  /** `shift_factor` of the configuration, default 0: subtracted before. */
  readonly shiftFactor?: number;
}

/**
 * An autoencoder, for images `[n, channels, height, width]` in $[-1, 1]$.
 * @category Networks
 */
export interface OnnxVae {
  /** The latents of images: their means, or draws with a key. */
  encode(images: NdArray, options?: { readonly key?: RngKey }): Promise<NdArray>;
  /** The images of latents. */
  decode(latents: NdArray): Promise<NdArray>;
}

const PARTS = recordOf<OnnxVaeParts>({
  encoder: optional(anyRecord),
  decoder: optional(anyRecord),
  scalingFactor: optional(positiveNumber),
  shiftFactor: optional(finiteNumber),
});
const ENCODE = { key: rngKey };

/** A session of one input and one output that matters, as a function of arrays; rows are cut where their number is fixed. */
function halfOf(
  fn: string,
  runtime: Pick<OnnxRuntime, "Tensor">,
  session: OnnxSession,
  part: string,
): (x: NdArray) => Promise<NdArray> {
  checkSession(fn, runtime, session, `parts.${part}`);
  const inputs = valuesOf(session.inputMetadata);
  const input = namedValue(fn, "input", session.inputNames, session.inputNames[0]);
  if (session.inputNames.length > 1)
    throw new DomainError(
      `${fn}: parts.${part} must have one input, got ${session.inputNames.join(", ")}`,
    );
  const output = namedValue(fn, "output", session.outputNames, session.outputNames[0]);
  const type = typeOf(fn, inputs, input, SAMPLE_TYPES, "float32");
  const declared = inputs.get(input)?.shape;
  return async (x) => {
    const [n = 0, ...row] = arrayOf(fn, part === "encoder" ? "images" : "latents", x).shape;
    const fits =
      row.length === 3 &&
      (declared === undefined ||
        row.every(
          (extent, i) => typeof declared[i + 1] !== "number" || declared[i + 1] === extent,
        ));
    if (!fits)
      throw new ShapeError(
        `${fn}: the ${part} takes [${(declared ?? ["n", "channels", "height", "width"]).join(", ")}], got [${x.shape.join(", ")}]`,
      );
    const step = typeof declared?.[0] === "number" ? declared[0] : Math.max(1, n);
    const size = row.reduce((a, b) => a * b, 1);
    const points = toTypedArray<"float64">(asType(x, "float64"));
    const parts: Float64Array[] = [];
    let extents: readonly number[] = [];
    for (let from = 0; from < n; from += step) {
      // a last batch that is not full is filled up with its last row
      const batch = new Float64Array(step * size);
      for (let i = 0; i < step; i++) {
        const place = Math.min(from + i, n - 1) * size;
        batch.set(points.subarray(place, place + size), i * size);
      }
      const tensor = new runtime.Tensor(type as never, encode(type, batch) as never, [
        step,
        ...row,
      ]);
      const answer = await runSession(fn, session, { [input]: tensor }, output);
      const numbers = decode(fn, output, answer.data);
      if (answer.dims.length !== 4 || answer.dims[0] !== step)
        throw new ShapeError(
          `${fn}: output ${output} must be [${step}, channels, height, width], got [${answer.dims.join(", ")}]`,
        );
      extents = answer.dims.slice(1);
      const each = numbers.length / step;
      parts.push(Float64Array.from(numbers.subarray(0, Math.min(step, n - from) * each)));
    }
    const all = new Float64Array(parts.reduce((total, part) => total + part.length, 0));
    parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
    return array(all, { shape: [n, ...extents] });
  };
}

/**
 * The autoencoder of a latent diffusion model: $z = (\mu(x) - s)\,f$ and back $x = D(z/f + s)$, with the factor $f$ and the shift $s$ of its configuration.
 *
 * @param runtime - the module `onnxruntime-node` or `onnxruntime-web` that made the sessions
 * @param parts - see {@link OnnxVaeParts}
 * @returns see {@link OnnxVae}; calls reject with `ShapeError` when images or latents do not fit
 * @throws `DomainError` when neither half is given, or a session has several inputs
 * @example
 * ```ts
 * import { ones } from "@provably/core-tensor";
 * import { onnxVae } from "@provably/score-diffusion";
 *
 * // a stand-in for a session that hands its input through
 * class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
 * const decoder = { inputNames: ["z"], outputNames: ["x"], run: async ({ z }) => ({ x: z }) };
 * const vae = onnxVae({ Tensor }, { decoder, scalingFactor: 0.5 });
 * (await vae.decode(ones([1, 4, 2, 2]))).get(0, 0, 0, 0); // => 2
 * ```
 * @see Rombach et al. (2022), "High-resolution image synthesis with latent diffusion models"
 * @category Networks
 */
export function onnxVae(runtime: Pick<OnnxRuntime, "Tensor">, parts: OnnxVaeParts): OnnxVae {
  const fn = "onnxVae";
  const {
    encoder,
    decoder,
    scalingFactor = 0.18215,
    shiftFactor = 0,
  } = check(fn, "parts", parts, PARTS);
  if (encoder === undefined && decoder === undefined)
    throw new DomainError(`${fn}: parts must have an encoder or a decoder, got neither`);
  const into = encoder && halfOf(fn, runtime, encoder, "encoder");
  const back = decoder && halfOf(fn, runtime, decoder, "decoder");
  return {
    async encode(images, options = {}) {
      const { key } = checkOptions(fn, options, ENCODE) as { key?: RngKey };
      if (into === undefined) throw new DomainError(`${fn}: there is no encoder among the parts`);
      const moments = await into(images);
      const [n = 0, doubled = 0, height = 0, width = 0] = moments.shape;
      if (doubled % 2 !== 0)
        throw new ShapeError(
          `${fn}: the encoder must give the mean and the log variance, an even number of channels, got ${doubled}`,
        );
      const part = (from: number): NdArray =>
        slice(moments, [0, from, 0, 0], [n, from + doubled / 2, height, width]);
      const mean = part(0);
      if (key === undefined) return mul(scalingFactor, sub(mean, shiftFactor));
      const std = exp(mul(0.5, clip(part(doubled / 2), -30, 20)));
      const drawn = add(mean, mul(std, normal(key, mean.shape, { dtype: "float64" })));
      return mul(scalingFactor, sub(drawn, shiftFactor));
    },
    async decode(latents) {
      if (back === undefined) throw new DomainError(`${fn}: there is no decoder among the parts`);
      return back(add(div(asType(latents, "float64"), scalingFactor), shiftFactor));
    },
  };
}
