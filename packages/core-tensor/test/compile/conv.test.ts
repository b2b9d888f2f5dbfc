import fc from "fast-check";
import { expect, it } from "vitest";
import {
  type NdArray,
  allClose,
  conv2d,
  convTranspose2d,
  toTypedArray,
  transpose,
  vjp,
} from "@provably/core-tensor";
import { compile, explain } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";

const geometry = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  groups: fc.integer({ min: 1, max: 2 }),
  channels: fc.integer({ min: 1, max: 3 }),
  filters: fc.integer({ min: 1, max: 5 }),
  height: fc.integer({ min: 5, max: 9 }),
  width: fc.integer({ min: 5, max: 11 }),
  kernel: fc.integer({ min: 1, max: 3 }),
  stride: fc.integer({ min: 1, max: 2 }),
  dilation: fc.integer({ min: 1, max: 2 }),
  padding: fc.integer({ min: 0, max: 2 }),
});

it("compiled convolutions and their gradients equal eager ones, whatever the geometry", () => {
  fc.assert(
    fc.property(geometry, fc.boolean(), (g, permuted) => {
      const { batch, groups, channels, filters, height, width, kernel, stride, dilation, padding } =
        g;
      const inputs = permuted
        ? [height, batch, groups * channels, width]
        : [batch, groups * channels, height, width];
      const x = normal(key("x"), inputs, { dtype: "float64" });
      const w = normal(key("w"), [groups * filters, channels, kernel, kernel], {
        dtype: "float64",
      });
      const f = (image: NdArray, weights: NdArray): NdArray[] => {
        const a = permuted ? transpose(image, [1, 2, 0, 3]) : image;
        const [y, pullback] = vjp(
          (u: NdArray, v: NdArray) => conv2d(u, v, { groups, stride, dilation, padding }),
          a,
          weights,
        );
        return [y, ...pullback(y)];
      };
      const compiled = compile(f);
      const got = compiled(x, w);
      expect(explain(compiled)).not.toMatch(/JavaScript/);
      f(x, w).forEach((want, k) => {
        expect(
          allClose(got[k]!, want, { relativeTolerance: 1e-9, absoluteTolerance: 1e-9 }),
          `${k} ${JSON.stringify(g)}`,
        ).toBe(true);
      });
    }),
    { seed: 5, numRuns: 150 },
  );
});

it("images shared among threads give the same bits", async () => {
  const x = normal(key("images"), [5, 8, 24, 24]);
  const w = normal(key("filters"), [16, 8, 3, 3]);
  const f = (image: NdArray, weights: NdArray): NdArray =>
    convTranspose2d(conv2d(image, weights, { padding: 1 }), weights);
  const want = toTypedArray(compile(f)(x, w));
  const compiled = compile(f, { threads: 3 });
  for (let i = 0; i < 200; i++) {
    expect(Buffer.from(toTypedArray(compiled(x, w)).buffer).equals(Buffer.from(want.buffer))).toBe(
      true,
    );
    if (explain(compiled).includes("3 of them up")) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect.fail(explain(compiled));
});
