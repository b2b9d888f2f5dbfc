import { type NdArray, array, grad, item, toNested } from "@provably/core-tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { vpoLoss } from "../src/index.js";
import { type FormulaBatch, vpoFormula } from "../src/losses/formula.js";
import { expectNear } from "./fixtures.js";

const logps = (n: number) => fc.array(fc.double({ min: -60, max: 0, noNaN: true }), { minLength: n, maxLength: n }); // prettier-ignore
const f64 = (x: readonly unknown[]): NdArray => array(x as number[], { dtype: "float64" });

const cases = fc.integer({ min: 1, max: 6 }).chain((n) =>
  fc.record({
    batch: fc.record({
      chosen: logps(n),
      rejected: logps(n),
      refChosen: logps(n),
      refRejected: logps(n),
    }),
    weights: fc.option(fc.array(fc.double({ min: 0.1, max: 3, noNaN: true }), { minLength: n, maxLength: n })), // prettier-ignore
    samples: fc.array(logps(3), { minLength: n, maxLength: n }),
    refSamples: fc.array(logps(3), { minLength: n, maxLength: n }),
    options: fc.record({
      alpha: fc.double({ min: 0, max: 2, noNaN: true }),
      beta: fc.double({ min: 0.01, max: 2, noNaN: true }),
      attitude: fc.constantFrom("pessimistic" as const, "optimistic" as const),
      calibration: fc.constantFrom("chosen", "rejected", "both", "samples" as const),
      labelSmoothing: fc.constantFrom(0, 0.1, 0.4),
    }),
  }),
);

describe("the loop of vpoLoss", () => {
  it("is the formula of the paper, with the derivatives that differentiation of the formula gives", () => {
    fc.assert(
      fc.property(cases, ({ batch, weights, samples, refSamples, options }) => {
        const sampled = options.calibration === "samples";
        const given = { ...batch, ...(weights && { weights }) };
        const fast = vpoLoss(given, { ...options, ...(sampled && { samples, refSamples }) });
        const arrays = Object.fromEntries(
          Object.entries({ ...given, ...(sampled && { samples, refSamples }) }).map(([name, x]) => [name, f64(x)]), // prettier-ignore
        ) as unknown as FormulaBatch;
        const size = Math.max(1, ...fast.losses.data.map(Math.abs));
        expect(Math.abs(item(vpoFormula(arrays, options)) - fast.loss)).toBeLessThan(1e-12 * size);
        const slow = grad((b: FormulaBatch) => vpoFormula(b, options))(arrays) as unknown as Record<string, NdArray>; // prettier-ignore
        for (const [name, gradient] of Object.entries(fast.gradient))
          expectNear(gradient, toNested(slow[name]!), 1e-10);
        expect(Object.keys(fast.gradient).sort()).toEqual(Object.keys(arrays).sort());
      }),
      { numRuns: 60 },
    );
  });
});
