/** How images are prepared for a model, read from the `preprocessor_config.json` of a Hugging Face model. */
import { FormatError } from "@provably/core-tensor";
import { type JsonObject, jsonReader } from "../../griffin/model/json.js";
import { FILTERS } from "./resample.js";

/**
 * How images are prepared: resized, cropped, scaled, normalised, in this order.
 * @category Vision models
 */
export interface ImageProcessor {
  /** New size, or the length of the shorter edge with the ratio kept; null leaves images as they are. */
  readonly size:
    { readonly height: number; readonly width: number } | { readonly shortestEdge: number } | null;
  /** How pixels between pixels are found when images are resized. */
  readonly resample: "bilinear" | "bicubic";
  /** The middle that is kept; null keeps everything. */
  readonly crop: { readonly height: number; readonly width: number } | null;
  /** What bytes are multiplied by; 1 when they are not. */
  readonly rescaleFactor: number;
  /** What is taken away from each channel; null when nothing is. One number is of all channels. */
  readonly mean: readonly number[] | null;
  /** What each channel is then divided by. */
  readonly std: readonly number[] | null;
  /** Whether grey images are made ones of three channels. */
  readonly convertRgb: boolean;
}

/** Of each kind of processor: whether sizes given as one number are of both edges, and whether it crops when the file does not say. */
const KINDS: Readonly<Record<string, { readonly square: boolean; readonly crops?: boolean }>> = {
  ViT: { square: true, crops: false },
  Siglip: { square: true, crops: false },
  DeiT: { square: true, crops: true },
  Beit: { square: true },
  CLIP: { square: false, crops: true },
  Bit: { square: false, crops: true },
};

/** Fields without influence on the pixels of an image. */
const HARMLESS = [
  "processor_class",
  "_valid_processor_keys",
  "_processor_class",
  "data_format",
  "input_data_format",
  "return_tensors",
  "device",
  "disable_grouping",
  "do_reduce_labels",
  "reduce_labels",
  "feature_extractor_type",
  "image_processor_type",
];

/** Edges longer than this are never meant. */
const MAX_EDGE = 2 ** 14;

/**
 * How images are prepared, from a `preprocessor_config.json`.
 *
 * Reads the processors of ViT (also ViTMAE), DeiT, BEiT, CLIP, SigLIP and Bit (DINOv2), old files (`feature_extractor_type`, sizes of one number) and new ones. A field that is not
 * understood is refused by name, unless it is null.
 *
 * @param json - the parsed file
 * @returns see {@link ImageProcessor}
 * @throws `FormatError` for a field that is missing, unusable or not understood, and for another kind of processor
 * @example
 * ```ts
 * import { imageProcessor } from "@provably/transformer-sparsity/mim";
 *
 * const processor = imageProcessor({
 *   image_processor_type: "ViTImageProcessor", size: { height: 16, width: 16 }, resample: 2, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5],
 * });
 * processor.resample; // => "bilinear"
 * ```
 * @category Vision models
 */
export function imageProcessor(json: unknown): ImageProcessor {
  const c = jsonReader("imageProcessor", json);
  const { square, crops } = kindOf(c);
  const both = c.flag("default_to_square", square);
  const resizes = c.flag("do_resize", true);
  const size = resizes ? readSize(c, "size", both) : ignored(c, "size", null);
  const resample = resizes ? filterName(c) : ignored(c, "resample", "bilinear" as const);
  const cropping = readCropping(c, crops);
  const crop = cropping ? readSize(c, "crop_size", true) : ignored(c, "crop_size", null);
  if (crop !== null && "shortestEdge" in crop)
    throw new FormatError("imageProcessor: crop_size must give height and width");
  const rescales = c.flag("do_rescale", true);
  const factor = c.number("rescale_factor", 1 / 255);
  const normalizes = c.flag("do_normalize", true);
  const [mean, std] = [channels(c, "image_mean", normalizes), channels(c, "image_std", normalizes)];
  if (std?.some((s) => s === 0)) throw new FormatError("imageProcessor: image_std must not hold 0");
  if (mean && std && mean.length !== std.length)
    throw new FormatError(
      `imageProcessor: image_mean has ${mean.length} numbers, image_std ${std.length}`,
    );
  const processor = {
    size,
    resample,
    crop,
    rescaleFactor: rescales ? factor : 1,
    mean,
    std,
    convertRgb: c.flag("do_convert_rgb", false),
  };
  refuseOthers(c);
  return processor;
}

function kindOf(c: JsonObject): { readonly square: boolean; readonly crops?: boolean } {
  const stored = c.has("image_processor_type")
    ? c.text("image_processor_type")
    : c.text("feature_extractor_type");
  const name = stored.replace(/(ImageProcessor(Fast|Pil)?|FeatureExtractor)$/, "");
  if (name === stored || !Object.hasOwn(KINDS, name))
    throw new FormatError(
      `imageProcessor: image_processor_type "${stored.slice(0, 60)}" is not the processor of ${Object.keys(KINDS).join(", ")}`,
    );
  return KINDS[name]!;
}

function readCropping(c: JsonObject, fallback: boolean | undefined): boolean {
  if (fallback === undefined && !c.has("do_center_crop"))
    throw new FormatError(
      "imageProcessor: do_center_crop must be given for this kind of processor; its default changed between versions",
    );
  return c.flag("do_center_crop", fallback ?? false);
}

/** A field of what is not done. */
function ignored<T>(c: JsonObject, name: string, value: T): T {
  c.value(name);
  return value;
}

function filterName(c: JsonObject): "bilinear" | "bicubic" {
  const kind = c.count("resample", { min: 0, max: 5 });
  if (!Object.hasOwn(FILTERS, kind))
    throw new FormatError(
      `imageProcessor: resample ${kind} is not supported, only 2 (bilinear) and 3 (bicubic)`,
    );
  return kind === 2 ? "bilinear" : "bicubic";
}

function readSize(
  c: JsonObject,
  name: string,
  square: boolean,
): NonNullable<ImageProcessor["size"]> {
  const limits = { max: MAX_EDGE };
  if (typeof c.value(name) === "number") {
    const edge = c.count(name, limits);
    return square ? { height: edge, width: edge } : { shortestEdge: edge };
  }
  const given = c.object(name);
  if (!given) throw new FormatError(`imageProcessor: ${name} must be given`);
  const size = given.has("shortest_edge")
    ? { shortestEdge: given.count("shortest_edge", limits) }
    : { height: given.count("height", limits), width: given.count("width", limits) };
  const [other] = given.unread();
  if (other !== undefined)
    throw new FormatError(
      `imageProcessor: ${name}.${other} is not understood beside ${Object.keys(size).join(", ")}`,
    );
  return size;
}

function channels(c: JsonObject, name: string, used: boolean): readonly number[] | null {
  if (!used) return ignored(c, name, null);
  const list = typeof c.value(name) === "number" ? [c.number(name)] : c.numbers(name);
  if (list.length === 0) throw new FormatError(`imageProcessor: ${name} must not be empty`);
  return list;
}

function refuseOthers(c: JsonObject): void {
  if (c.flag("do_pad", false))
    throw new FormatError("imageProcessor: do_pad true is not supported");
  for (const name of HARMLESS) c.value(name);
  const [unknown] = c.unread();
  if (unknown !== undefined)
    throw new FormatError(
      `imageProcessor: field "${unknown}" is not understood; leave it out if it does not change the pixels`,
    );
}
