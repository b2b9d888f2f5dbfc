import { toNested } from "@provably/core-tensor";
import { foldIn, key } from "@provably/core-tensor/random";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createAreaPartition,
  createSpatialDistribution,
  decouplingAtZero,
  enumerateImages,
  informationGap,
  maskedCount,
  powerLawAreaSizes,
  renderImage,
  sampleImage,
  sampleMask,
  sampleMaskedImages,
} from "../../src/mim/index.js";

const sizes = fc.record({ numPatches: fc.integer({ min: 4, max: 60 }), share: fc.double({ min: 0.1, max: 1, noNaN: true }), localSize: fc.integer({ min: 1, max: 7 }), seed: fc.integer() }); // prettier-ignore

describe("partitions", () => {
  it.each(["random", "contiguous"] as const)(
    "%s: hold every position once, with the sizes asked for",
    (layout) => {
      fc.assert(
        fc.property(sizes, ({ numPatches, share, localSize, seed }) => {
          const globalSize = Math.max(1, Math.floor(share * numPatches));
          const areas = createAreaPartition(key(seed), {
            numPatches,
            globalSize,
            localSize,
            layout,
          });
          expect(areas.flat().sort((a, b) => a - b)).toEqual(
            Array.from({ length: numPatches }, (_, p) => p),
          );
          expect(areas[0]!.length).toBe(globalSize);
          expect(areas.slice(1, -1).every((area) => area.length === localSize)).toBe(true);
        }),
        { seed: 1, numRuns: 60 },
      );
    },
  );

  it("makes squares of the grid with blocks2d", () => {
    const areas = createAreaPartition(key(0), {
      numPatches: 64,
      globalSize: 48,
      localSize: 4,
      layout: "blocks2d",
    });
    expect(areas.length).toBe(5);
    for (const [a, b, c, d] of areas.slice(1) as [number, number, number, number][])
      expect([b - a, c - a, d - a]).toEqual([1, 8, 9]);
  });

  it("refuses what is no partition, naming cluster and position", () => {
    expect(() =>
      createSpatialDistribution([
        [[0, 1], [2]],
        [[0, 1], [1]],
      ]),
    ).toThrow(/cluster 1 has position 1 twice/);
    expect(() => createSpatialDistribution([[[0, 3], [1]]])).toThrow(/position 3/);
    expect(() => createSpatialDistribution([[[0, 1, 2], []]])).toThrow(
      /area 1 of cluster 0 is empty/,
    );
    expect(() => createSpatialDistribution([[[0, 1], [2]], [[0, 1]]])).toThrow(
      /cluster 1 leaves out position 2/,
    );
    expect(() => createSpatialDistribution([])).toThrow(/clusters/);
    expect(() =>
      createSpatialDistribution([[[0]]], { latent: { kind: "uniform", low: 2, high: 1 } }),
    ).toThrow(/low/);
    expect(() =>
      createSpatialDistribution([[[0]]], { latent: { kind: "uniform", low: 0, high: 1 } }),
    ).toThrow(/low/);
    expect(() =>
      createSpatialDistribution([[[0]]], {
        latent: { kind: "discrete", values: [1, 2], probabilities: [0.5, 0.6] },
      }),
    ).toThrow(/sum to 1/);
    expect(() =>
      createAreaPartition(key(0), { numPatches: 4, globalSize: 5, localSize: 1 }),
    ).toThrow(/globalSize/);
    expect(() =>
      createAreaPartition(key(0), {
        numPatches: 16,
        globalSize: 11,
        localSize: 5,
        layout: "blocks2d",
      }),
    ).toThrow(/square/);
  });
});

describe("sampling", () => {
  const world = createSpatialDistribution([
    [
      [0, 1, 2],
      [3, 4],
    ],
    [
      [4, 2],
      [0, 1, 3],
    ],
  ]);

  it("masks exactly as many patches as the ratio says, each equally often", () => {
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 2000; i++)
      sampleMask(10, foldIn(key(0), i), { maskRatio: 0.3 }).forEach((m, p) => (counts[p]! += m));
    expect(counts.reduce((a, b) => a + b)).toBe(2000 * 3);
    // binomial with p = 0.3: sd is 20.5; 5 sd
    for (const count of counts) expect(Math.abs(count - 600)).toBeLessThan(103);
  });

  it("rounds down on the patches kept", () => {
    expect([
      maskedCount(49, 0.75),
      maskedCount(16, 0.75),
      maskedCount(10, 0.3),
      maskedCount(64, 0.5),
    ]).toEqual([37, 12, 3, 32]);
    expect(() => maskedCount(4, 0)).toThrow(/maskRatio/);
    expect(() => maskedCount(4, 0.999)).toThrow(/leaves no patch/);
  });

  it("draws image i by the key and i alone", () => {
    expect(sampleMaskedImages(world, key(3), 5).slice(0, 2)).toEqual(
      sampleMaskedImages(world, key(3), 2),
    );
    expect(sampleMaskedImages(world, key(3), 2)).not.toEqual(sampleMaskedImages(world, key(4), 2));
  });

  it("draws latents by their law", () => {
    const law = createSpatialDistribution([[[0]]], {
      latent: { kind: "discrete", values: [1, 3], probabilities: [0.25, 0.75] },
    });
    const values = Array.from(
      { length: 4000 },
      (_, i) => sampleImage(law, foldIn(key(1), i)).latents[0]!,
    );
    // sd of the mean is 0.866 / √4000 = 0.0137; 5 sd
    expect(Math.abs(values.reduce((a, b) => a + b) / 4000 - 2.5)).toBeLessThan(0.07);
  });

  it("enumerates with probabilities that sum to 1, and refuses too many", () => {
    const discrete = createSpatialDistribution(world.clusters, {
      latent: { kind: "discrete", values: [1, 2, 3] },
    });
    const { samples, weights } = enumerateImages(discrete, { maskRatio: 0.4 });
    expect(samples.length).toBe(2 * 9 * 10);
    expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    expect(new Set(samples.map((s) => JSON.stringify(s))).size).toBe(180);
    expect(() => enumerateImages(discrete, { maskRatio: 0.4, limit: 100 })).toThrow(
      /180 masked images/,
    );
    expect(() => enumerateImages(world)).toThrow(/discrete/);
  });

  it("renders patches as latents times features", () => {
    expect(toNested(renderImage(world, { cluster: 1, latents: [2, 3] }))).toEqual([[0, 0, 0, 3], [0, 0, 0, 3], [0, 0, 2, 0], [0, 0, 0, 3], [0, 0, 2, 0]]); // prettier-ignore
    expect(() => renderImage(world, { cluster: 2, latents: [1] })).toThrow(/cluster/);
    expect(() => renderImage(world, { cluster: 0, latents: [1] })).toThrow(/2 numbers/);
  });
});

describe("information gap", () => {
  it("is that of the exponents", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.51, max: 1, noNaN: true }),
        fc.double({ min: 0.01, max: 0.5, noNaN: true }),
        (kc, ks) => {
          expect(informationGap(1000, 1000 ** kc, 1000 ** ks)).toBeCloseTo(
            1 - ks - 2 * (1 - kc),
            10,
          );
        },
      ),
      { seed: 2, numRuns: 50 },
    );
  });

  it("has a finite-size version that can disagree with its sign", () => {
    const verdict = (global: number, local: number, size: number, maskRatio: number): boolean =>
      decouplingAtZero(
        { sizes: [global, ...new Array<number>(local).fill(size)], queryArea: 1 },
        { maskRatio },
      ).twoPhase;
    expect([
      verdict(28, 12, 6, 0.5),
      verdict(40, 10, 6, 0.5),
      verdict(64, 6, 6, 0.5),
      verdict(40, 10, 6, 0.75),
    ]).toEqual([false, true, true, false]);
    expect(informationGap(100, 28, 6)).toBeGreaterThan(0);
  });

  it("takes sizes from exponents", () => {
    expect(
      powerLawAreaSizes({ numPatches: 400, globalExponent: 0.95, localExponent: 0.4 }),
    ).toEqual({ globalSize: 296, localSize: 11 });
    expect(() =>
      powerLawAreaSizes({ numPatches: 400, globalExponent: 0.4, localExponent: 0.4 }),
    ).toThrow(/globalExponent/);
  });
});
