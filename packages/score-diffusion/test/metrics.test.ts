import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DomainError,
  type NdArray,
  ShapeError,
  add,
  eye,
  matmul,
  mul,
  transpose,
} from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import {
  energyDistance,
  frechetDistance,
  klGaussian,
  mmd2,
  precisionRecall,
  psnr,
  randomDirections,
  sampleMoments,
  slicedWasserstein,
  ssim,
  totalVariationDistance,
  wasserstein1d,
  wasserstein2Gaussian,
} from "../src/index.js";

const numbers = (min: number, max: number): fc.Arbitrary<number[]> =>
  fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: min, maxLength: max });
const cloud = (seed: number, n: number, d = 3): NdArray =>
  normal(key(seed), [n, d], { dtype: "float64" });
const seed = { seed: 7, numRuns: 60 };

describe("wasserstein1d", () => {
  it("is what the best matching of brute force gives", () => {
    const matchings = (n: number): number[][] =>
      n === 0
        ? [[]]
        : matchings(n - 1).flatMap((p) =>
            Array.from({ length: n }, (_, i) => [...p.slice(0, i), n - 1, ...p.slice(i)]),
          );
    fc.assert(
      fc.property(numbers(5, 5), numbers(5, 5), (x, y) => {
        const best = Math.min(
          ...matchings(5).map((p) => p.reduce((s, j, i) => s + (x[i]! - y[j]!) ** 2, 0) / 5),
        );
        expect(wasserstein1d(x, y) ** 2).toBeCloseTo(best, 8);
      }),
      seed,
    );
  });

  it("treats samples of unequal size as laws: repeating every point changes nothing", () => {
    fc.assert(
      fc.property(numbers(1, 6), numbers(1, 7), (x, y) => {
        expect(wasserstein1d([...x, ...x, ...x], y)).toBeCloseTo(wasserstein1d(x, y), 10);
      }),
      seed,
    );
  });

  it("is the shift for a shifted sample, and obeys the triangle inequality", () => {
    fc.assert(
      fc.property(
        numbers(1, 9),
        numbers(1, 9),
        numbers(1, 9),
        fc.double({ min: -5, max: 5, noNaN: true }),
        (x, y, z, c) => {
          expect(
            wasserstein1d(
              x,
              x.map((v) => v + c),
            ),
          ).toBeCloseTo(Math.abs(c), 9);
          expect(wasserstein1d(x, z)).toBeLessThanOrEqual(
            wasserstein1d(x, y) + wasserstein1d(y, z) + 1e-9,
          );
        },
      ),
      seed,
    );
  });
});

describe("slicedWasserstein", () => {
  it("does not care for the length of a direction", () => {
    const [x, y] = [cloud(1, 40), cloud(2, 30)];
    const u = randomDirections(key(3), 20, 3);
    expect(slicedWasserstein(x, y, mul(u, 7))).toBeCloseTo(slicedWasserstein(x, y, u), 12);
  });

  it("averages to shift over the root of the dimension", () => {
    // E⟨u, c⟩² = ‖c‖²/d over the sphere; 4000 directions put the mean within 5 standard errors of 2 %
    const x = cloud(4, 50);
    const value = slicedWasserstein(x, add(x, [[3, 0, 4]]), randomDirections(key(5), 4000, 3));
    expect(Math.abs(value / (5 / Math.sqrt(3)) - 1)).toBeLessThan(0.04);
  });
});

describe("distances between normal laws", () => {
  it("take diagonal covariances coordinate by coordinate", () => {
    const p = { mean: [1, 2], covariance: [[4, 0], [0, 9]] }; // prettier-ignore
    const q = { mean: [1, 5], covariance: [[1, 0], [0, 25]] }; // prettier-ignore
    expect(wasserstein2Gaussian(p, q)).toBeCloseTo(Math.sqrt(9 + 1 + 4), 12);
    expect(klGaussian(p, p)).toBeCloseTo(0, 12);
  });

  it("take singular covariances, and negative ones for an error", () => {
    const line = { mean: [0, 0], covariance: [[1, 1], [1, 1]] }; // prettier-ignore
    expect(wasserstein2Gaussian(line, line)).toBeCloseTo(0, 7);
    expect(wasserstein2Gaussian(line, { mean: [0, 0], covariance: [[0, 0], [0, 0]] })).toBeCloseTo(Math.sqrt(2), 7); // prettier-ignore
    expect(() => klGaussian({ mean: [0, 0], covariance: eye(2) }, line)).toThrow(/covariance of q/);
    expect(() =>
      wasserstein2Gaussian({ mean: [0], covariance: [[-1]] }, { mean: [0], covariance: [[1]] }),
    ).toThrow(/covariance of p/);
  });

  it("KL exceeds 0 for different laws", () => {
    for (let i = 0; i < 10; i++) {
      const [a, b] = [cloud(i, 3), cloud(100 + i, 3)];
      const spread = (m: NdArray): NdArray => add(matmul(m, transpose(m)), eye(3));
      expect(
        klGaussian(
          { mean: [0, 0, 0], covariance: spread(a) },
          { mean: [0, 0, 1], covariance: spread(b) },
        ),
      ).toBeGreaterThan(0);
    }
  });
});

describe("kernel and energy distances", () => {
  it("vanish for a sample and itself in their biased forms", () => {
    const x = cloud(8, 30);
    expect(energyDistance(x, x)).toBeCloseTo(0, 12);
    expect(mmd2(x, x, { biased: true })).toBeCloseTo(0, 12);
  });

  it("are unbiased: their mean over equal laws is 0 within its own error", () => {
    const values = Array.from({ length: 200 }, (_, i) => [
      mmd2(cloud(2 * i, 20), cloud(2 * i + 1, 25), { bandwidth: 1 }),
      energyDistance(cloud(2 * i, 20), cloud(2 * i + 1, 25), { unbiased: true }),
    ]);
    for (const j of [0, 1]) {
      const column = values.map((row) => row[j]!);
      const mean = column.reduce((a, b) => a + b, 0) / column.length;
      const sd = Math.sqrt(column.reduce((a, b) => a + (b - mean) ** 2, 0) / (column.length - 1));
      expect(Math.abs(mean)).toBeLessThan((4 * sd) / Math.sqrt(column.length));
    }
  });

  it("tell a shifted law apart, with the median as bandwidth", () => {
    expect(mmd2(cloud(1, 60), add(cloud(2, 60), 2))).toBeGreaterThan(0.3);
    expect(() => mmd2([[1], [1]], [[1], [1]])).toThrow(/bandwidth/);
  });

  it("energy distance on a line is twice the integral of (F − G)²", () => {
    // F − G of {0, 2} and {1}: ½ on [0, 1) and −½ on [1, 2)
    expect(energyDistance([[0], [2]], [[1]])).toBeCloseTo(2 * (0.25 + 0.25), 12);
  });
});

describe("image quality", () => {
  it("falls with noise, and is symmetric", () => {
    const image = normal(key(1), [3, 16, 20]);
    const [little, much] = [0.1, 0.5].map((s) =>
      add(image, mul(s, normal(key(2), [3, 16, 20]))),
    ) as [NdArray, NdArray];
    expect(ssim(image, little)).toBeGreaterThan(ssim(image, much));
    expect(ssim(image, little)).toBeCloseTo(ssim(little, image), 12);
    expect(psnr(image, little) - psnr(image, much)).toBeCloseTo(20 * Math.log10(5), 4);
  });

  it("names what it cannot use", () => {
    expect(() => psnr([[1]], [[1, 2]])).toThrow(ShapeError);
    expect(() => psnr([[1]], [[1]], { range: 0 })).toThrow(/range/);
    expect(() => ssim(eye(10), eye(10))).toThrow(/11 pixels/);
  });
});

describe("features and neighbours", () => {
  it("frechetDistance looks through the features it is given", () => {
    const [x, y] = [cloud(1, 50), cloud(2, 50)];
    const first = (points: NdArray): NdArray => matmul(points, [[1], [0], [0]]);
    const [p, q] = [x, y].map((points) => sampleMoments(first(points))) as [
      ReturnType<typeof sampleMoments>,
      ReturnType<typeof sampleMoments>,
    ];
    expect(frechetDistance(x, y, { features: first })).toBeCloseTo(
      wasserstein2Gaussian(p, q) ** 2,
      12,
    );
  });

  it("precision sees invented samples, recall sees missing ones", () => {
    const real = add(cloud(1, 60), 0);
    expect(precisionRecall(real, real)).toEqual({ precision: 1, recall: 1, coverage: 1 });
    const far = add(cloud(2, 60), 100);
    expect(precisionRecall(real, far)).toEqual({ precision: 0, recall: 0, coverage: 0 });
    const collapsed = mul(cloud(3, 60), 0.01);
    const { precision, recall } = precisionRecall(real, collapsed);
    expect(precision).toBe(1);
    expect(recall).toBeLessThan(0.1);
  });
});

describe("metrics refuse what they cannot use", () => {
  it("names the argument", () => {
    expect(() => totalVariationDistance([1, -1], [1, 1])).toThrow(/totalVariationDistance: p/);
    expect(() => totalVariationDistance([1, 1], [0, 0])).toThrow(/totalVariationDistance: q/);
    expect(() => totalVariationDistance([1], [1, 1])).toThrow(ShapeError);
    expect(() => wasserstein1d([], [1])).toThrow(/wasserstein1d: x/);
    expect(() => wasserstein1d([[1, 2]], [[1, 2]])).toThrow(/slicedWasserstein/);
    expect(() => wasserstein1d([NaN], [1])).toThrow(DomainError);
    expect(() => slicedWasserstein([[1, 2]], [[1, 2]], [[0, 0]])).toThrow(/directions\[0\]/);
    expect(() => energyDistance([[1, 2]], [[1]])).toThrow(/same dimension/);
    expect(() => mmd2([[1]], [[1]])).toThrow(/n ≥ 2/);
    expect(() => mmd2([[1], [2]], [[1], [2]], { bandwidth: -1 })).toThrow(/bandwidth/);
    expect(() => precisionRecall([[1], [2]], [[1], [2]])).toThrow(/n ≥ 4/);
    expect(() => sampleMoments([[1]])).toThrow(/n ≥ 2/);
  });
});
