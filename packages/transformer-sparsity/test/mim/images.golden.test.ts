import { FormatError, toTypedArray } from "@provably/core-tensor";
import { describe, expect, it } from "vitest";
import { imageProcessor, processImage } from "../../src/mim/index.js";
import { flat, load } from "./fixtures.js";

interface Golden {
  readonly images: { height: number; width: number; rgb: number[] }[];
  readonly cases: {
    readonly name: string;
    readonly preprocessor_config: Record<string, unknown>;
    readonly results: { shape: number[]; pil: number[]; torchvision: number[] }[];
  }[];
}
const { images, cases } = load<Golden>("image-processor");
const image = (i: number) => {
  const { height, width, rgb } = images[i]!;
  return { height, width, data: Uint8Array.from(rgb) };
};
const vit = cases[0]!.preprocessor_config;

/** Runs the golden images through a changed config: the pixels, or the error. */
function outcome(config: unknown): string | Float32Array {
  try {
    return toTypedArray(processImage(imageProcessor(config), image(0))) as Float32Array;
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    return (error as Error).message;
  }
}

describe("golden preparation of images", () => {
  it.each(cases)("gives the pixels of $name to the byte of one library", (c) => {
    const processor = imageProcessor(c.preprocessor_config);
    c.results.forEach(({ shape, pil, torchvision }, i) => {
      const ours = processImage(processor, image(i));
      expect(ours.shape).toEqual([1, ...shape]);
      const level = 1 / 255 / Math.min(...processor.std!);
      const worst = (golden: number[]): number =>
        flat(ours).reduce((top, x, at) => Math.max(top, Math.abs(x - golden[at]!)), 0);
      expect(Math.min(worst(pil), worst(torchvision))).toBeLessThan(1e-3 * level);
    });
  });

  it("leaves out the opacity of ImageData, and reads grey images for models of one channel", () => {
    const rgba = Uint8ClampedArray.from(images[0]!.rgb.flatMap((x, i) => (i % 3 === 2 ? [x, 7] : [x]))); // prettier-ignore
    const { height, width } = images[0]!;
    expect(toTypedArray(processImage(imageProcessor(vit), { height, width, data: rgba }))).toEqual(outcome(vit)); // prettier-ignore
    const grey = { height: 2, width: 2, data: Uint8Array.of(1, 2, 3, 4) };
    const plain = imageProcessor({ ...vit, do_resize: false, do_rescale: false, do_normalize: false }); // prettier-ignore
    expect([...toTypedArray(processImage(plain, grey))]).toEqual([1, 2, 3, 4]);
    expect(() => processImage(imageProcessor(vit), grey)).toThrow(/1 channels, and mean of the processor 3/); // prettier-ignore
    expect(processImage({ ...plain, convertRgb: true }, grey).shape).toEqual([1, 3, 2, 2]);
  });

  it("reads a size of one number as the kind of processor means it", () => {
    expect(imageProcessor({ ...vit, size: 8 }).size).toEqual({ height: 8, width: 8 });
    const clip = { ...cases[1]!.preprocessor_config, size: 8, crop_size: 6 };
    expect(imageProcessor(clip).size).toEqual({ shortestEdge: 8 });
    expect(imageProcessor(clip).crop).toEqual({ height: 6, width: 6 });
  });

  it("acts on each field of a config, or refuses it by its name", () => {
    const changes: Record<string, unknown[]> = {
      image_processor_type: ["ConvNextImageProcessor", 3],
      do_resize: [false, "yes"],
      do_rescale: [false],
      rescale_factor: [0.5, "x"],
      do_normalize: [false],
      image_mean: [[0, 0, 0], 0.25, [], "x"],
      image_std: [[1, 1, 1], [0, 1, 1], [1]],
      size: [{ height: 9, width: 16 }, { longest_edge: 9 }, { shortest_edge: 9, longest_edge: 12 }, 2 ** 20, null],
      resample: [3, 0, 1, 4, 5],
      do_center_crop: [true],
      do_pad: [true],
      crop_pct: [0.9],
      unheard_of: [1],
    }; // prettier-ignore
    const before = outcome(vit);
    for (const [name, values] of Object.entries(changes))
      for (const value of values) {
        const after = outcome({ ...vit, [name]: value });
        if (typeof after === "string") expect(after).toMatch(/^imageProcessor: /);
        else expect(after, `${name} ${JSON.stringify(value)}`).not.toEqual(before);
      }
    expect(outcome({ ...vit, unheard_of: 1 })).toContain('"unheard_of"');
    expect(outcome({ ...vit, resample: 1 })).toContain("resample 1 is not supported");
    expect(outcome({ ...vit, unheard_of: null })).toEqual(before);
    const { do_center_crop: _, ...beit } = { ...cases[1]!.preprocessor_config, image_processor_type: "BeitImageProcessor" } as Record<string, unknown>; // prettier-ignore
    expect(outcome(beit)).toContain("do_center_crop must be given");
  });

  it("refuses images that are not what they say", () => {
    const processor = imageProcessor(cases[1]!.preprocessor_config);
    const data = new Uint8Array(12);
    expect(() => processImage(processor, { height: 2, width: 3, data })).toThrow(/got 12/);
    expect(() => processImage(processor, { height: 0, width: 3, data })).toThrow(/image\.height/);
    const long = { height: 1, width: 65000, data: new Uint8Array(65000) };
    expect(() => processImage({ ...processor, size: { shortestEdge: 16000 } }, long)).toThrow(/more than/); // prettier-ignore
  });
});
