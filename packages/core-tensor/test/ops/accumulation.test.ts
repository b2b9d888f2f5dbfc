/** Sums of very many numbers of single precision. */
import { full, item, mean, reshape, slice, sum } from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { describe, expect, it } from "vitest";

const tenth = Math.fround(0.1);
const n = 2_000_000;
const relative = (got: NdArray, want: number): number => Math.abs(item(got) / want - 1);

describe("two million numbers of single precision", () => {
  const x = full([n], 0.1);
  const forms: Record<string, (f: (x: NdArray) => NdArray) => NdArray> = {
    eager: (f) => f(x),
    compiled: (f) => compile(f)(x),
  };

  it.each(Object.entries(forms))(
    "have the mean and the sum of the exact arithmetic, %s",
    (_, run) => {
      expect(
        relative(
          run((y) => mean(y)),
          tenth,
        ),
      ).toBeLessThan(2 ** -23);
      expect(
        relative(
          run((y) => sum(y)),
          n * tenth,
        ),
      ).toBeLessThan(2 ** -23);
    },
  );

  it("have it along the first axis too", () => {
    const columns = sum(reshape(x, [n / 4, 4]), { axis: 0 });
    expect(relative(sum(slice(columns, [2], [3])), (n / 4) * tenth)).toBeLessThan(1e-6);
  });
});
