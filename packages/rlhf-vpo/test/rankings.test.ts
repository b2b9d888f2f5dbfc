import { array, grad } from "@provably/core-tensor";
import { describe, expect, it } from "vitest";
import { differentiable, plackettLuceLoss } from "../src/index.js";
import { expectNear, flat } from "./fixtures.js";

describe("rankings of unequal length", () => {
  const scores = [[1, 0.5, -2, 99], [0.3, 0.1, 7, 7], [4, 7, 7, 7]]; // prettier-ignore
  const lengths = [3, 2, 1];

  it("lose what each list loses by itself, one that ranks nothing loses 0", () => {
    const alone = scores.map((row, i) =>
      lengths[i] === 1 ? 0 : plackettLuceLoss([row.slice(0, lengths[i])]).loss,
    );
    const { losses, gradient } = plackettLuceLoss(scores, { lengths });
    expectNear(losses, alone, 1e-14);
    expect(flat(gradient.scores).filter((_, i) => i % 4 >= lengths[Math.floor(i / 4)]!)).toEqual([0, 0, 0, 0, 0, 0]); // prettier-ignore
    for (const bad of [0, 5, 1.5])
      expect(() => plackettLuceLoss(scores, { lengths: [bad, 2, 2] })).toThrow(/lengths\[0\] must be a whole number from 1 to 4/); // prettier-ignore
  });

  it("go through automatic differentiation", () => {
    const loss = differentiable(({ scores: s }: { scores: ReturnType<typeof array> }) => plackettLuceLoss(s, { lengths })); // prettier-ignore
    const x = array(scores, { dtype: "float64" });
    const slope = grad((s: typeof x) => loss({ scores: s }))(x);
    expectNear(slope, flat(plackettLuceLoss(scores, { lengths }).gradient.scores), 1e-14);
  });
});
