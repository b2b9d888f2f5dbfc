import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CONV_MIN_WORK, type Conv2dGeometry } from "../../../src/exec/wasm/index.js";
import { type Kind, KINDS, LEVELS, atLevel, noise } from "./level.js";

/** Calls `visit(output index, image index, weight index)` for every product of the convolution. */
function eachProduct(
  g: Conv2dGeometry,
  visit: (out: number, image: number, weight: number) => void,
): void {
  const filters = g.outChannels / g.groups;
  const channels = g.inChannels / g.groups;
  for (let b = 0; b < g.batch; b++)
    for (let f = 0; f < g.outChannels; f++)
      for (let y = 0; y < g.outHeight; y++)
        for (let x = 0; x < g.outWidth; x++)
          for (let c = 0; c < channels; c++)
            for (let i = 0; i < g.kernelHeight; i++)
              for (let j = 0; j < g.kernelWidth; j++) {
                const row = y * g.strideHeight - g.padTop + i * g.dilationHeight;
                const col = x * g.strideWidth - g.padLeft + j * g.dilationWidth;
                if (row < 0 || row >= g.height || col < 0 || col >= g.width) continue;
                const plane = b * g.inChannels + Math.floor(f / filters) * channels + c;
                visit(
                  ((b * g.outChannels + f) * g.outHeight + y) * g.outWidth + x,
                  (plane * g.height + row) * g.width + col,
                  ((f * channels + c) * g.kernelHeight + i) * g.kernelWidth + j,
                );
              }
}

/** Sums and sums of sizes of `terms`, by target index. */
function accumulate(
  size: number,
  g: Conv2dGeometry,
  term: (out: number, image: number, weight: number) => [target: number, value: number],
) {
  const sums = new Float64Array(size);
  const sizes = new Float64Array(size);
  const counts = new Float64Array(size);
  eachProduct(g, (out, image, weight) => {
    const [target, value] = term(out, image, weight);
    sums[target]! += value;
    sizes[target]! += Math.abs(value);
    counts[target]! += 1;
  });
  return { sums, sizes, counts };
}

function expectSums(
  kind: Kind,
  got: ArrayLike<number>,
  { sums, sizes, counts }: ReturnType<typeof accumulate>,
) {
  const epsilon = kind === "float32" ? 2 ** -23 : 2 ** -52;
  expect(got).toHaveLength(sums.length);
  sums.forEach((sum, i) => {
    if (!(Math.abs(got[i]! - sum) <= (counts[i]! + 2) * epsilon * sizes[i]!))
      expect.fail(`element ${i}: expected ${sum}, got ${got[i]}`);
  });
}

const small = (max: number, min = 1) => fc.integer({ min, max });

/** Geometries with every combination of stride, padding, dilation and groups that leaves at least one output pixel. */
const geometries = fc
  .record({
    batch: small(3),
    height: small(12),
    width: small(14),
    kernelHeight: small(3),
    kernelWidth: small(4),
    groups: small(3),
    strideHeight: small(3),
    strideWidth: small(3),
    padTop: small(3, 0),
    padLeft: small(3, 0),
    padBottom: small(3, 0),
    padRight: small(3, 0),
    dilationHeight: small(2),
    dilationWidth: small(2),
    channels: small(5),
    filters: small(9),
  })
  .map(({ padBottom, padRight, channels, filters, ...g }): Conv2dGeometry => {
    const extent = (
      size: number,
      before: number,
      after: number,
      kernel: number,
      dilation: number,
      stride: number,
    ) => Math.floor((size + before + after - (kernel - 1) * dilation - 1) / stride) + 1;
    return {
      ...g,
      inChannels: channels * g.groups,
      outChannels: filters * g.groups,
      outHeight: extent(
        g.height,
        g.padTop,
        padBottom,
        g.kernelHeight,
        g.dilationHeight,
        g.strideHeight,
      ),
      outWidth: extent(g.width, g.padLeft, padRight, g.kernelWidth, g.dilationWidth, g.strideWidth),
    };
  })
  .filter((g) => g.outHeight >= 1 && g.outWidth >= 1);

const work = (g: Conv2dGeometry) =>
  (g.batch *
    g.outChannels *
    g.outHeight *
    g.outWidth *
    g.inChannels *
    g.kernelHeight *
    g.kernelWidth) /
  g.groups;

describe.each(LEVELS)("conv2d at level %s", (level) => {
  const { wasm, supported } = atLevel(level);

  describe.skipIf(!supported).each(KINDS)("%s", (kind) => {
    const arrays = (g: Conv2dGeometry, seed: number) => ({
      x: noise(kind, g.batch * g.inChannels * g.height * g.width, seed),
      w: noise(
        kind,
        (g.outChannels * g.inChannels * g.kernelHeight * g.kernelWidth) / g.groups,
        seed + 1,
      ),
      ct: noise(kind, g.batch * g.outChannels * g.outHeight * g.outWidth, seed + 2),
    });

    /** Compares the convolution and both gradients with the definition. */
    function expectAll(g: Conv2dGeometry, seed: number) {
      const { x, w, ct } = arrays(g, seed);
      expectSums(
        kind,
        wasm().conv2d(x, w, g)!,
        accumulate(ct.length, g, (o, i, k) => [o, x[i]! * w[k]!]),
      );
      expectSums(
        kind,
        wasm().conv2dInputGradient(ct, w, g)!,
        accumulate(x.length, g, (o, i, k) => [i, ct[o]! * w[k]!]),
      );
      expectSums(
        kind,
        wasm().conv2dWeightGradient(ct, x, g)!,
        accumulate(w.length, g, (o, i, k) => [k, ct[o]! * x[i]!]),
      );
    }

    it("and its gradients equal the definition for every geometry", () => {
      fc.assert(
        fc.property(geometries, fc.integer(), (g, seed) => {
          if (work(g) >= CONV_MIN_WORK) {
            expectAll(g, seed);
            return;
          }
          const { x, w, ct } = arrays(g, seed);
          expect(wasm().conv2d(x, w, g)).toBeUndefined();
          expect(wasm().conv2dInputGradient(ct, w, g)).toBeUndefined();
          expect(wasm().conv2dWeightGradient(ct, x, g)).toBeUndefined();
        }),
        { numRuns: 150 },
      );
    });

    const square = (size: number, kernel: number, pad: number) => ({
      height: size,
      width: size,
      kernelHeight: kernel,
      kernelWidth: kernel,
      padTop: pad,
      padLeft: pad,
      outHeight: size + 2 * pad - kernel + 1,
      outWidth: size + 2 * pad - kernel + 1,
      strideHeight: 1,
      strideWidth: 1,
      dilationHeight: 1,
      dilationWidth: 1,
    });

    it("crosses the block boundaries of depth and pixels", () => {
      expectAll({ ...square(34, 3, 1), batch: 2, inChannels: 31, outChannels: 5, groups: 1 }, 3);
    });

    it("covers one by one kernels and depthwise filters", () => {
      expectAll({ ...square(9, 1, 0), batch: 2, inChannels: 12, outChannels: 10, groups: 1 }, 4);
      expectAll({ ...square(19, 3, 1), batch: 2, inChannels: 6, outChannels: 12, groups: 6 }, 5);
    });
  });
});
