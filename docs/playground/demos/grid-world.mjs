// The best plan on a grid when nature may shift a share of every transition, and what the ordinary plan is worth then.
import {
  gridPicture,
  gridWorld,
  robustPolicyEvaluation,
  robustValueIteration,
  totalVariation,
  valueIteration,
} from "@provably/robust-rl";

const COLUMNS = 5;
const START = 15; // bottom left

export function compute({ radius, slip, discount, support }) {
  const world = gridWorld({ slip });
  const near = totalVariation(radius, { support: support === "any state" ? "full" : "nominal" });
  const robust = robustValueIteration(world, near, { discount });
  const nominal = valueIteration(world, { discount });
  const worst = robustPolicyEvaluation(world, near, nominal.policy, { discount });
  return {
    picture: gridPicture(robust.values, robust.policy, {
      columns: COLUMNS,
      labels: { 4: "goal", 8: "pit" },
      title: "Robust values and policy",
    }),
    facts: [
      [
        "worst value of the robust plan from the bottom left corner",
        robust.values.get(START).toFixed(3),
      ],
      ["worst value of the ordinary plan from there", worst.values.get(START).toFixed(3)],
      [
        "cells in which the plans differ",
        String([...robust.policy.data].filter((a, s) => a !== nominal.policy.data[s]).length),
      ],
    ],
    certificate: robust.certificate,
  };
}
