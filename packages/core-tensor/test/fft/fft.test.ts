import {
  AxisError,
  DTypeError,
  DomainError,
  type NdArray,
  ShapeError,
  add,
  allClose,
  array,
  convolve,
  mul,
  roll,
  stack,
  sub,
  sum,
  toTypedArray,
  unstack,
  vmap,
} from "@provably/core-tensor";
import { fft, fft2, fftn, ifft, irfft, rfft } from "@provably/core-tensor/fft";
import { key, normal } from "@provably/core-tensor/random";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const noise = (seed: number, shape: number[]): NdArray =>
  normal(key(seed), shape, { dtype: "float64" });
const near = (a: NdArray, b: NdArray, tolerance = 1e-11): boolean =>
  allClose(a, b, { relativeTolerance: tolerance, absoluteTolerance: tolerance });

/** The sum itself, with angles reduced in whole numbers. */
function direct(re: ArrayLike<number>, im: ArrayLike<number>): [number[], number[]] {
  const n = re.length;
  const out: [number[], number[]] = [[], []];
  for (let k = 0; k < n; k++) {
    let [a, b] = [0, 0];
    for (let j = 0; j < n; j++) {
      const angle = (-2 * Math.PI * ((j * k) % n)) / n;
      a += re[j]! * Math.cos(angle) - im[j]! * Math.sin(angle);
      b += re[j]! * Math.sin(angle) + im[j]! * Math.cos(angle);
    }
    out[0].push(a);
    out[1].push(b);
  }
  return out;
}

describe("fft", () => {
  it("is the sum that defines it, for every length up to 130", () => {
    for (let n = 1; n <= 130; n++) {
      const [re, im] = [noise(n, [n]), noise(n + 1000, [n])];
      const got = fft({ re, im });
      const [wantRe, wantIm] = direct(toTypedArray(re), toTypedArray(im));
      expect(near(got.re, array(Float64Array.from(wantRe)), 1e-12 * n + 1e-12), `n = ${n}`).toBe(
        true,
      );
      expect(near(got.im, array(Float64Array.from(wantIm)), 1e-12 * n + 1e-12), `n = ${n}`).toBe(
        true,
      );
    }
  });

  it("comes back by its inverse, with every norm, for lengths with small and large prime factors", () => {
    for (const n of [1, 2, 17, 64, 343, 360, 1009, 1024, 2 * 997, 4096])
      for (const norm of ["backward", "ortho", "forward"] as const) {
        const x = { re: noise(n, [2, n]), im: noise(n + 1, [2, n]) };
        const back = ifft(fft(x, { norm }), { norm });
        expect(near(back.re, x.re) && near(back.im, x.im), `n = ${n}`).toBe(true);
      }
  });

  it("keeps the sum of squares when orthonormal: Parseval", () => {
    const x = noise(3, [997]);
    const y = fft(x, { norm: "ortho" });
    expect(near(add(sum(mul(y.re, y.re)), sum(mul(y.im, y.im))), sum(mul(x, x)))).toBe(true);
  });

  it("turns convolution into products, and shifts into phases", () => {
    const [a, b] = [noise(4, [50]), noise(5, [30])];
    const [p, q] = [rfft(a, { n: 79 }), rfft(b, { n: 79 })];
    const product = {
      re: sub(mul(p.re, q.re), mul(p.im, q.im)),
      im: add(mul(p.re, q.im), mul(p.im, q.re)),
    };
    expect(near(irfft(product, { n: 79 }), convolve(a, b))).toBe(true);
    const power = (x: NdArray): NdArray => {
      const y = fft(x);
      return add(mul(y.re, y.re), mul(y.im, y.im));
    };
    expect(near(power(roll(a, 7)), power(a))).toBe(true);
  });

  it("of rows in a batch is that of each row", () => {
    const x = noise(6, [3, 12]);
    const alone = stack(unstack(x).map((row) => fft(row).im));
    expect(near(vmap((row: NdArray) => fft(row).im)(x), alone, 0)).toBe(true);
  });

  it("gives the same bits again, whatever lengths come between", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 20 }),
        (n, between) => {
          const x = noise(7, [n]);
          const first = toTypedArray(fft(x).re);
          for (const m of between) fft(noise(8, [m]));
          expect(toTypedArray(fft(x).re)).toEqual(first);
        },
      ),
      { numRuns: 30 },
    );
  });

  it.each<[string, () => unknown, new (m: string) => Error, RegExp]>([
    ["an axis that is not there", () => fft([1, 2], { axis: 1 }), AxisError, /^fft: axis 1/],
    ["no axis", () => fft(3), AxisError, /^fft: axis/],
    ["an empty axis", () => fft([]), ShapeError, /^fft: axis 0 must not be empty/],
    [
      "a pair without im",
      () => fft({ re: [1] } as never),
      DomainError,
      /^fft: x must have re and im/,
    ],
    [
      "parts of two shapes",
      () => fft({ re: [1], im: [1, 2] }),
      ShapeError,
      /x.re and x.im must have one shape/,
    ],
    [
      "a complex pair for rfft",
      () => rfft({ re: [1], im: [1] } as never),
      DTypeError,
      /^rfft: x must be real/,
    ],
    ["one frequency", () => irfft([1]), ShapeError, /^irfft: axis 0 has 1 frequency/],
    ["length 0", () => fft([1], { n: 0 }), DomainError, /^fft: n must be an integer/],
    [
      "an unknown norm",
      () => fft([1], { norm: "unit" as never }),
      DomainError,
      /norm must be one of/,
    ],
    ["the same axis twice", () => fftn([[1]], { axes: [0, -2] }), AxisError, /axes must differ/],
    [
      "a list for the plane",
      () => fft2([1, 2]),
      ShapeError,
      /fft2: x must have at least 2 axes, it has 1/,
    ],
    [
      "lengths without axes",
      () => fftn([[1]], { shape: [1], axes: [0, 1] }),
      ShapeError,
      /1 lengths for 2 axes/,
    ],
  ])("refuses %s", (_, call, kind, says) => {
    expect(call).toThrow(kind);
    expect(call).toThrow(says);
  });
});
