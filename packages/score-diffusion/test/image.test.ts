import fc from "fast-check";
import { encode } from "fast-png";
import { describe, expect, it } from "vitest";
import {
  DomainError,
  FormatError,
  ShapeError,
  allClose,
  toNested,
  toTypedArray,
} from "@provably/core-tensor";
import { key, uniform } from "@provably/core-tensor/random";
import { decodePng, encodePng, imageGrid } from "../src/index.js";

describe("PNG", () => {
  it.each([[[5, 7]], [[1, 4, 3]], [[2, 4, 3]], [[3, 8, 9]], [[4, 2, 2]]])(
    "an image %j comes back to within half a grey",
    (shape) => {
      const image = uniform(key(1), shape, { low: -1, high: 1 });
      const back = decodePng(encodePng(image));
      expect(back.shape).toEqual(shape.length === 2 ? [1, ...shape] : shape);
      // half of 2/255, and the rounding of float32
      expect(
        allClose([...toTypedArray(back)], [...toTypedArray(image)], {
          relativeTolerance: 0,
          absoluteTolerance: 1 / 255 + 1e-6,
        }),
      ).toBe(true);
    },
  );

  it("clips what is out of range, and maps the given range to black and white", () => {
    expect(
      toNested(decodePng(encodePng([[-3, 0.2, 9]], { range: [0, 0.2] }), { range: [0, 255] })),
    ).toEqual([[[0, 255, 255]]]);
  });

  it("reads 16 bits, and palettes", () => {
    const deep = encode({
      width: 2,
      height: 1,
      data: Uint16Array.of(0, 65535),
      channels: 1,
      depth: 16,
    });
    expect(toNested(decodePng(deep))).toEqual([[[-1, 1]]]);
  });

  it("answers hostile bytes with a FormatError and never with anything else", () => {
    const sound = encodePng(uniform(key(2), [3, 9, 9]));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(sound.length),
        (changes, cut) => {
          const bytes = sound.slice(0, cut < 20 ? sound.length : cut);
          for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
          try {
            expect(decodePng(bytes).shape.length).toBe(3);
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError);
          }
        },
      ),
      { seed: 3, numRuns: 300 },
    );
    const huge = sound.slice();
    new DataView(huge.buffer).setUint32(16, 4e9);
    expect(() => decodePng(huge)).toThrow(/pixels/);
    expect(() => decodePng(new Uint8Array(3))).toThrow(/33 bytes/);
    expect(() => decodePng("png" as unknown as Uint8Array)).toThrow(FormatError);
  });

  it("allocates nothing for pixels that a file only claims", () => {
    const file = encodePng([[0, 1]]);
    const claim = (at: number): Uint8Array => {
      const bytes = Uint8Array.from([...file.subarray(0, 33), ...file.subarray(8)]); // the header twice
      new DataView(bytes.buffer).setUint32(at, 50_000);
      return bytes;
    };
    expect(() => decodePng(claim(33 + 8))).toThrow(/two headers/);
    const wide = file.slice();
    new DataView(wide.buffer).setUint32(16, 50_000_000);
    expect(() => decodePng(wide)).toThrow(/cannot hold the 50000000 pixels/);
    const large = encodePng(Array.from({ length: 300 }, () => new Array<number>(300).fill(1)));
    expect(decodePng(large).shape).toEqual([1, 300, 300]); // a plain surface, packed as tightly as it can be
  });
  it("names what it cannot draw", () => {
    expect(() => encodePng([1, 2])).toThrow(ShapeError);
    expect(() => encodePng([[NaN]])).toThrow(/NaN/);
    expect(() => encodePng([[0]], { range: [1, 1] })).toThrow(DomainError);
  });
});

describe("imageGrid", () => {
  it("puts images side by side, row by row", () => {
    const grid = imageGrid([[[1]], [[2]], [[3]]], { columns: 2, gap: 1, background: 0 });
    expect(toNested(grid)).toEqual([[0, 0, 0, 0, 0], [0, 1, 0, 2, 0], [0, 0, 0, 0, 0], [0, 3, 0, 0, 0], [0, 0, 0, 0, 0]]); // prettier-ignore
    expect(toNested(imageGrid([[[7]]], { scale: 2, gap: 0 }))).toEqual([[7, 7], [7, 7]]); // prettier-ignore
    expect(imageGrid(uniform(key(0), [5, 3, 4, 6])).shape).toEqual([3, 2 * 5 + 1, 3 * 7 + 1]);
  });

  it("names what it cannot use", () => {
    expect(() => imageGrid([[1]])).toThrow(/images/);
    expect(() => imageGrid([[[1]]], { columns: 0 })).toThrow(/columns/);
    expect(() => imageGrid([[[1]]], { gap: -1 })).toThrow(/gap/);
  });
});
