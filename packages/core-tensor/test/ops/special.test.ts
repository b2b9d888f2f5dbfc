import {
  array,
  digamma,
  erf,
  erfc,
  erfinv,
  grad,
  item,
  lgamma,
  ndtri,
  tanh,
  toTypedArray,
  trigamma,
} from "@provably/core-tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const at = (f: (x: ReturnType<typeof array>) => ReturnType<typeof array>, x: number): number =>
  item(f(array([x], { dtype: "float64" })));
const near = (a: number, b: number, tolerance = 1e-13): void =>
  expect(Math.abs(a - b)).toBeLessThanOrEqual(tolerance * (1 + Math.abs(b)));
const points = (min: number, max: number): fc.Arbitrary<number> =>
  fc.double({ min, max, noNaN: true });

describe("special functions", () => {
  it("trigamma is exact: values from 40-digit arithmetic", () => {
    near(at(trigamma, 5.856912), 0.18613905429552713824, 1e-14);
    near(at(trigamma, 1.961105), 0.66103458881064599545, 1e-14);
    near(at(trigamma, 1.548426), 0.89625580411522234712, 1e-14);
    near(at(trigamma, 7.892136), 0.13507389455194922026, 1e-14);
    near(at(trigamma, 1), Math.PI ** 2 / 6, 1e-14);
  });
  it("is the derivative of digamma", () => {
    near(
      item(
        grad((x: ReturnType<typeof array>) => digamma(x))(array(1.961105, { dtype: "float64" })),
      ),
      0.66103458881064599545,
      1e-14,
    );
  });
  it("gamma obeys its recurrence, digamma too", () => {
    fc.assert(
      fc.property(points(0.05, 50), (x) => {
        near(at(lgamma, x + 1), at(lgamma, x) + Math.log(x), 1e-12);
        near(at(digamma, x + 1), at(digamma, x) + 1 / x, 1e-12);
      }),
    );
    near(at(lgamma, 0.5), 0.5 * Math.log(Math.PI), 1e-14);
    near(at(lgamma, 171), 706.5730622457873, 1e-13);
  });
  it("gamma and digamma obey the reflection formula left of zero", () => {
    fc.assert(
      fc.property(
        points(-5.4, -0.1).filter((x) => Math.abs(x - Math.round(x)) > 0.01),
        (x) => {
          near(
            at(lgamma, x) + at(lgamma, 1 - x),
            Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))),
            1e-10,
          );
          near(at(digamma, 1 - x) - at(digamma, x), Math.PI / Math.tan(Math.PI * x), 1e-9);
        },
      ),
    );
  });
  it("erf is odd, erfc its complement, erfinv its inverse, ndtri the quantile", () => {
    fc.assert(
      fc.property(points(-3, 3), (x) => {
        near(at(erf, -x), -at(erf, x), 0);
        near(at(erf, x) + at(erfc, x), 1, 1e-15);
        near(at(erfinv, at(erf, x)), x, 1e-11);
      }),
    );
    near(at(ndtri, 0.975), 1.9599639845400545, 1e-14);
    near(at(erfc, 10), 2.088487583762545e-45, 1e-57);
    near(at(erfc, 10) / 2.088487583762545e-45, 1, 1e-13);
  });
  it("float32 and float64 of the same function agree on both executors' sizes", () => {
    const xs = Float64Array.from({ length: 400 }, (_, i) => -8 + i / 25);
    const [a, b] = [
      toTypedArray(tanh(array(xs))),
      toTypedArray(tanh(array(Float32Array.from(xs)))),
    ];
    a.forEach((v, i) => near(b[i]!, v, 3e-7));
  });
});
