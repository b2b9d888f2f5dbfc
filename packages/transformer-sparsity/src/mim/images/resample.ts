/** Resizing images of bytes: each pass widens its filter when it shrinks, works in whole numbers, and rounds to bytes, as Pillow does. */

/** Bytes row by row, channels last. */
export interface Bytes {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

/** How neighbours are weighed, by distance in pixels of the smaller image. */
interface Filter {
  readonly support: number;
  weight(x: number): number;
}

/** By the numbers that preprocessor configs give them. */
export const FILTERS: Readonly<Record<number, Filter>> = {
  2: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  3: { support: 2, weight: bicubic },
};

/** Keys' cubic with a = −½. */
function bicubic(x: number): number {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * a;
  return 0;
}

/** Bits after the point of a weight. */
const PRECISION = 2 ** 22;

/** Of each output, the first input and the weights of those from there on, times {@link PRECISION}. */
function weights(from: number, to: number, filter: Filter): { first: number; taps: number[] }[] {
  const scale = from / to;
  const widening = Math.max(scale, 1);
  const support = filter.support * widening;
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(from, Math.trunc(center + support + 0.5));
    const raw = Array.from({ length: end - first }, (__, x) =>
      filter.weight((x + first - center + 0.5) * (1 / widening)),
    );
    const total = raw.reduce((a, b) => a + b, 0);
    const taps = raw.map((w) => {
      const share = (total === 0 ? w : w / total) * PRECISION;
      return Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    });
    return { first, taps };
  });
}

/** One pass over lines of `from` elements that lie `stride` apart; lines begin at `starts`. */
interface Lines {
  readonly from: number;
  readonly to: number;
  start(line: number): number;
  target(line: number): number;
  readonly count: number;
  readonly stride: number;
}

function pass(source: Uint8Array, size: number, lines: Lines, filter: Filter): Uint8Array {
  const out = new Uint8Array(size);
  const table = weights(lines.from, lines.to, filter);
  for (let line = 0; line < lines.count; line++) {
    const [start, target] = [lines.start(line), lines.target(line)];
    table.forEach(({ first, taps }, i) => {
      let sum = PRECISION / 2;
      for (let x = 0; x < taps.length; x++)
        sum += source[start + (first + x) * lines.stride]! * taps[x]!;
      out[target + i * lines.stride] = Math.min(255, Math.max(0, Math.floor(sum / PRECISION)));
    });
  }
  return out;
}

/** The image in another size: rows first, then columns. */
export function resizeBytes(image: Bytes, height: number, width: number, kind: number): Bytes {
  const filter = FILTERS[kind]!;
  const { channels } = image;
  const across = {
    from: image.width,
    to: width,
    count: image.height * channels,
    stride: channels,
    start: (line: number) =>
      Math.floor(line / channels) * image.width * channels + (line % channels),
    target: (line: number) => Math.floor(line / channels) * width * channels + (line % channels),
  };
  const rows =
    width === image.width
      ? image.data
      : pass(image.data, image.height * width * channels, across, filter);
  const down = {
    from: image.height,
    to: height,
    count: width * channels,
    stride: width * channels,
    start: (line: number) => line,
    target: (line: number) => line,
  };
  const data = height === image.height ? rows : pass(rows, height * width * channels, down, filter);
  return { height, width, channels, data };
}

/** The middle of the image; where it is smaller than the crop, zeros lie around it. */
export function cropBytes(image: Bytes, height: number, width: number): Bytes {
  const { channels } = image;
  const data = new Uint8Array(height * width * channels);
  const top = Math.floor((image.height - height) / 2);
  const left = Math.floor((image.width - width) / 2);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [row, column] = [y + top, x + left];
      if (row < 0 || column < 0 || row >= image.height || column >= image.width) continue;
      const at = (row * image.width + column) * channels;
      data.set(image.data.subarray(at, at + channels), (y * width + x) * channels);
    }
  return { height, width, channels, data };
}
