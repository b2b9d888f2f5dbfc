/** Images as PNG files, in bytes and out. */
import {
  type ArrayInput,
  DomainError,
  FormatError,
  type NdArray,
  ShapeError,
  array,
  asType,
  toTypedArray,
} from "@provably/core-tensor";
import {
  checkOptions,
  finiteNumber,
  type Guard,
  listOf,
  show,
  typedArray,
} from "@provably/core-tensor/internal";
import { convertIndexedToRgb, decode, encode } from "fast-png";

const OPTIONS = { range: listOf(finiteNumber, 2) as Guard<readonly [number, number]> };

/** Files that claim more pixels are not opened. */
const MAX_PIXELS = 1e8;

/** Deflate makes at most so many bytes of one. */
const MAX_EXPANSION = 1032;

const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** The values of black and white. */
function rangeOf(
  fn: string,
  options: { readonly range?: readonly [number, number] },
): readonly [number, number] {
  const { range = [-1, 1] as const } = checkOptions(fn, options, OPTIONS);
  if (!(range[1] > range[0] && range[1] - range[0] < Infinity))
    throw new DomainError(`${fn}: range must ascend, got [${range.join(", ")}]`);
  return range;
}

/**
 * An image as the bytes of a PNG file with 8 bits a channel. Values outside of the range are clipped.
 *
 * @param image - shape `[height, width]`, or `[channels, height, width]` with 1 (grey), 2 (and opacity), 3 (RGB) or 4 channels
 * @param options - `range`: values of black and white, default $[-1, 1]$
 * @returns bytes
 * @throws `ShapeError` for another shape
 * @throws `DomainError` when a value is NaN, or the range is empty
 * @example
 * ```ts
 * import { decodePng, encodePng } from "@provably/score-diffusion";
 *
 * decodePng(encodePng([[-1, 1]])).shape; // => [1, 1, 2]
 * ```
 * @category Images
 */
export function encodePng(
  image: ArrayInput,
  options: { readonly range?: readonly [number, number] } = {},
): Uint8Array {
  const [black, white] = rangeOf("encodePng", options);
  const x = asType(image, "float64");
  const [channels, height, width] = (x.shape.length === 2 ? [1, ...x.shape] : x.shape) as [
    number,
    number,
    number,
  ];
  if (
    x.shape.length < 2 ||
    x.shape.length > 3 ||
    !(channels >= 1 && channels <= 4) ||
    height < 1 ||
    width < 1
  )
    throw new ShapeError(
      `encodePng: image must be [height, width] or [1 to 4 channels, height, width], got [${x.shape.join(", ")}]`,
    );
  const values = toTypedArray<"float64">(x);
  const data = new Uint8Array(values.length);
  const pixels = height * width;
  values.forEach((value, i) => {
    if (Number.isNaN(value))
      throw new DomainError(`encodePng: image must not hold NaN, got one at element ${i}`);
    const grey = Math.round((255 * (value - black)) / (white - black));
    // planes of channels become pixels of channels
    data[(i % pixels) * channels + Math.floor(i / pixels)] = Math.min(255, Math.max(0, grey));
  });
  return encode({ width, height, data, channels: channels, depth: 8 });
}

/**
 * The image in the bytes of a PNG file, of any kind: grey, colour, with a palette, with opacity, of 1 to 16 bits a channel.
 *
 * @param bytes - contents of the file
 * @param options - `range`: values for black and white, default $[-1, 1]$
 * @returns float32 array `[channels, height, width]`
 * @throws `FormatError` when the bytes are not a sound PNG file, or claim more pixels than they can hold or than 1e8
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { decodePng, encodePng } from "@provably/score-diffusion";
 *
 * toNested(decodePng(encodePng([[0, 1]], { range: [0, 1] }), { range: [0, 1] })); // => [[[0, 1]]]
 * ```
 * @category Images
 */
export function decodePng(
  bytes: Uint8Array,
  options: { readonly range?: readonly [number, number] } = {},
): NdArray {
  const [black, white] = rangeOf("decodePng", options);
  if (typedArray("Uint8Array")(bytes) !== undefined)
    throw new FormatError(`decodePng: bytes must be a Uint8Array, got ${show(bytes)}`);
  // bytes of another realm are read where they lie
  const own = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { width, height, channels, data, top } = decoded(own);
  const pixels = width * height;
  const out = new Float32Array(channels * pixels);
  for (let i = 0; i < out.length; i++)
    out[i] =
      black + ((white - black) * data[(i % pixels) * channels + Math.floor(i / pixels)]!) / top;
  return array(out, { shape: [channels, height, width] });
}

function decoded(bytes: Uint8Array): {
  width: number;
  height: number;
  channels: number;
  data: ArrayLike<number>;
  top: number;
} {
  checkHeader(bytes);
  try {
    const png = decode(bytes);
    const { width, height } = png;
    const indexed = png.palette !== undefined;
    const data = indexed
      ? convertIndexedToRgb(png)
      : png.depth < 8
        ? unpacked(png.data as Uint8Array, width, height, png.channels, png.depth)
        : png.data;
    const channels = indexed ? data.length / (width * height) : png.channels;
    if (data.length !== channels * width * height)
      throw new Error(
        `${data.length} values for ${width} × ${height} pixels of ${channels} channels`,
      );
    return { width, height, channels, data, top: indexed ? 255 : 2 ** png.depth - 1 };
  } catch (error) {
    throw new FormatError(
      `decodePng: the bytes are not a sound PNG file: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Before anything is allocated: the file has one header, and its bytes can hold the pixels that this claims. */
function checkHeader(bytes: Uint8Array): void {
  // 8 bytes of signature, 25 of header
  if (bytes.length < 33)
    throw new FormatError(`decodePng: a PNG file has at least 33 bytes, got ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [length, type] = [
    (at: number) => view.getUint32(at),
    (at: number) => String.fromCharCode(...bytes.subarray(at + 4, at + 8)),
  ];
  if (type(8) !== "IHDR" || length(8) !== 13)
    throw new FormatError("decodePng: the first chunk is not the header of a PNG file");
  for (let at = 33; at + 8 <= bytes.length; at += 12 + length(at))
    if (type(at) === "IHDR") throw new FormatError("decodePng: the file has two headers");
  const [width, height, depth, channels] = [
    length(16),
    length(20),
    bytes[24]!,
    CHANNELS[bytes[25]!] ?? 1,
  ];
  const claimed = width * height;
  if (!(claimed >= 1 && claimed <= MAX_PIXELS))
    throw new FormatError(
      `decodePng: the file claims ${claimed} pixels; 1 to ${MAX_PIXELS} are taken`,
    );
  const needed = height * Math.ceil((width * depth * channels) / 8);
  if (needed > MAX_EXPANSION * bytes.length)
    throw new FormatError(
      `decodePng: ${bytes.length} bytes cannot hold the ${claimed} pixels that the file claims`,
    );
}

/** Pixels of less than 8 bits lie several in a byte, each row from a byte on. */
function unpacked(
  data: Uint8Array,
  width: number,
  height: number,
  channels: number,
  depth: number,
): Uint8Array {
  const [perRow, mask] = [Math.ceil((width * channels * depth) / 8), 2 ** depth - 1];
  return Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const [row, bit] = [Math.floor(i / (width * channels)), (i % (width * channels)) * depth];
    return (data[row * perRow + (bit >> 3)]! >> (8 - depth - (bit & 7))) & mask;
  });
}
