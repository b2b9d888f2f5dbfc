import { describe, expect, it } from "vitest";
import { type NdArray, array, exp } from "@provably/core-tensor";
import {
  energyDistance,
  klGaussian,
  levelOf,
  mixtureLogDensity,
  mmd2,
  psnr,
  slicedWasserstein,
  ssim,
  totalVariationDistance,
  wasserstein1d,
  wasserstein2Gaussian,
} from "../src/index.js";
import { type GoldenMixture, expectNear, f64, load, mixtureOf } from "./fixtures.js";

interface Metrics {
  readonly X: number[][];
  readonly Y: number[][];
  readonly directions: number[][];
  readonly slicedW2: number;
  readonly w2_1dSquared: number;
  readonly energyDistance: number;
  readonly energyDistanceUnbiased: number;
  readonly mmd2: readonly { bandwidth: number; unbiased: number; biased: number }[];
  readonly gaussians: {
    m1: number[];
    C1: number[][];
    m2: number[];
    C2: number[][];
    w2Squared: number;
    kl: number;
  };
  readonly tvHist: { p: number[]; q: number[]; tv: number };
  readonly tvGmm1d: {
    p: GoldenMixture;
    q: GoldenMixture;
    grid: [number, number, number];
    tv: number;
  };
  readonly image: { a: number[][]; b: number[][]; psnr: number; ssim: number; range: number };
}
const golden = load<Metrics>("metrics");

describe("golden metrics", () => {
  it("distances between samples", () => {
    const { X, Y, directions } = golden;
    expectNear([slicedWasserstein(X, Y, directions)], [golden.slicedW2]);
    const first = (rows: number[][]): number[] => rows.map((row) => row[0]!);
    expectNear([wasserstein1d(first(X), first(Y)) ** 2], [golden.w2_1dSquared]);
    expectNear(
      [energyDistance(X, Y), energyDistance(X, Y, { unbiased: true })],
      [golden.energyDistance, golden.energyDistanceUnbiased],
    );
    for (const { bandwidth, unbiased, biased } of golden.mmd2)
      expectNear(
        [mmd2(X, Y, { bandwidth }), mmd2(X, Y, { bandwidth, biased: true })],
        [unbiased, biased],
      );
  });

  it("distances between normal laws", () => {
    const { m1, C1, m2, C2, w2Squared, kl } = golden.gaussians;
    const [p, q] = [
      { mean: m1, covariance: C1 },
      { mean: m2, covariance: C2 },
    ];
    expectNear([wasserstein2Gaussian(p, q) ** 2, klGaussian(p, q)], [w2Squared, kl]);
  });

  it("total variation of histograms and of densities on a grid", () => {
    const { p, q, tv } = golden.tvHist;
    expectNear([totalVariationDistance(p, q)], [tv]);
    const [low, high, n] = golden.tvGmm1d.grid;
    const grid = array(
      Float64Array.from({ length: n }, (_, i) => low + ((high - low) * i) / (n - 1)),
      { shape: [n, 1] },
    );
    const density = (mixture: GoldenMixture): NdArray =>
      exp(mixtureLogDensity(mixtureOf(mixture), grid, levelOf(1)));
    expectNear(
      [totalVariationDistance(density(golden.tvGmm1d.p), density(golden.tvGmm1d.q))],
      [golden.tvGmm1d.tv],
    );
  });

  it("quality of images", () => {
    const { a, b, range } = golden.image;
    expectNear(
      [psnr(f64(a), f64(b), { range }), ssim(f64(a), f64(b), { range })],
      [golden.image.psnr, golden.image.ssim],
    );
    expect(psnr(a, a)).toBe(Infinity);
  });
});
