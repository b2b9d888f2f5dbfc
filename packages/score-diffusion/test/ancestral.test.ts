import { describe, expect, it } from "vitest";
import { allClose, array, toTypedArray } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import { gaussian, karrasSigmas, sample, scheduleOfSigmas } from "../src/index.js";
import { dpmSolverPlusPlus2S, dpmSolverPlusPlus2SAncestral } from "../src/samplers/index.js";

const schedule = scheduleOfSigmas(karrasSigmas(12, { sigmaMin: 0.05, sigmaMax: 20 }));
const narrow = gaussian({ mean: [0.7], covariance: [[0.09]] });

describe("DPM-Solver++ (2S) with fresh noise", () => {
  it("is the deterministic one with eta 0", () => {
    const start = normal(key(1), [5, 1], { dtype: "float64" });
    const options = { start, schedule };
    const a = sample(dpmSolverPlusPlus2SAncestral({ eta: 0 }), narrow, key(2), options).samples;
    const b = sample(dpmSolverPlusPlus2S, narrow, key(2), options).samples;
    expect(allClose(a, b, { absoluteTolerance: 1e-12 })).toBe(true);
  });

  it("takes the steps of the method written out in sigma, one number at a time", () => {
    const eta = 0.8;
    const sigmas = karrasSigmas(12, { sigmaMin: 0.05, sigmaMax: 20 });
    // the expected clean point of a normal distribution at noise s
    const clean = (u: number, s: number): number => (0.7 * s * s + 0.09 * u) / (s * s + 0.09);
    const noises = sigmas.slice(0, -1).map((_, i) => Math.sin(3 * i + 1));
    let u = 1.3;
    for (let i = 0; i + 1 < sigmas.length; i++) {
      const [s, next] = [sigmas[i]!, sigmas[i + 1]!];
      const up = Math.min(next, eta * Math.sqrt((next ** 2 * (s ** 2 - next ** 2)) / s ** 2));
      const down = Math.sqrt(next ** 2 - up ** 2);
      const d = clean(u, s);
      if (down === 0) u = d;
      else {
        // in t = −ln s: exponential steps of half and of whole length
        const h = Math.log(s / down);
        const middle = s * Math.exp(-h / 2);
        const half = Math.exp(-h / 2) * u - Math.expm1(-h / 2) * d;
        u = Math.exp(-h) * u - Math.expm1(-h) * clean(half, middle);
      }
      u += up * noises[i]!;
    }
    const sampler = dpmSolverPlusPlus2SAncestral({ eta });
    const rows = sampler.table(schedule, {});
    const { alpha } = rows[0]!.level;
    let state = { x: array(Float64Array.of(1.3 * alpha), { shape: [1, 1] }) };
    rows.forEach((row, i) => {
      const step = sampler.step(state, row, [
        array(Float64Array.of(noises[i]!), { shape: [1, 1] }),
      ]);
      let turn = step.next();
      while (!turn.done) {
        const { x, level } = turn.value as {
          x: typeof state.x;
          level: { alpha: number; sigma: number };
        };
        const value = clean(x.get(0, 0) / level.alpha, level.sigma / level.alpha);
        turn = step.next(array(Float64Array.of(value), { shape: [1, 1] }));
      }
      state = turn.value;
    });
    expect(state.x.get(0, 0)).toBeCloseTo(u, 10);
  });

  it("ends at the distribution of the data", () => {
    const n = 4000;
    const { samples } = sample(dpmSolverPlusPlus2SAncestral(), narrow, key(3), {
      shape: [n, 1],
      schedule: scheduleOfSigmas(karrasSigmas(40, { sigmaMin: 0.01, sigmaMax: 40 })),
    });
    const values = [...(toTypedArray(samples) as Float64Array)];
    const mean = values.reduce((s, v) => s + v, 0) / n;
    const std = Math.sqrt(values.reduce((s, v) => s + (v - mean) ** 2, 0) / n);
    expect(Math.abs(mean - 0.7)).toBeLessThan(0.03);
    expect(Math.abs(std / 0.3 - 1)).toBeLessThan(0.06);
  });

  it("refuses an eta outside 0 to 1", () => {
    expect(() => dpmSolverPlusPlus2SAncestral({ eta: 2 })).toThrow(/eta must be/);
  });
});
