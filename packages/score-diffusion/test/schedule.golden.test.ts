import { describe, it } from "vitest";
import {
  cosineBetas,
  exponentialSigmas,
  karrasSigmas,
  levelOfLambda,
  linearBetas,
  theorySchedule,
  scaledLinearBetas,
  sigmoidBetas,
} from "../src/index.js";
import { expectNear, load } from "./fixtures.js";

type Row = Record<string, number> & Record<"beta" | "alphaBar" | "sigma", number[]>;
const golden = load<Record<string, Row[]>>("schedules");
const range = (c: Row): { start: number; end: number } => ({
  start: c["betaStart"]!,
  end: c["betaEnd"]!,
});

describe("golden schedules", () => {
  const rows = (name: string): Row[] => golden?.[name] ?? [];
  it("theorySchedule has the golden betas, one past the end included", () => {
    for (const c of rows("paper")) {
      const { beta, alphaBar, nextBeta } = theorySchedule(c["T"]!, { c0: c["c0"]!, c1: c["c1"]! });
      expectNear([...beta, nextBeta!], c.beta);
      expectNear(alphaBar, c.alphaBar.slice(0, beta.length));
    }
  });
  it("linearBetas has the golden betas", () => {
    for (const c of rows("linear")) expectNear(linearBetas(c["T"]!, range(c)), c.beta);
  });
  it("scaledLinearBetas has the golden betas", () => {
    for (const c of rows("scaledLinear")) expectNear(scaledLinearBetas(c["T"]!, range(c)), c.beta);
  });
  it("cosineBetas has the golden betas", () => {
    for (const c of rows("cosine"))
      expectNear(cosineBetas(c["T"]!, { offset: c["s"]!, maxBeta: c["maxBeta"]! }), c.beta);
  });
  it("sigmoidBetas has the golden betas", () => {
    for (const c of rows("sigmoid")) expectNear(sigmoidBetas(c["T"]!, range(c)), c.beta);
  });
  it("karrasSigmas and exponentialSigmas have the golden levels", () => {
    for (const c of rows("karras"))
      expectNear(
        karrasSigmas(c["n"]!, {
          sigmaMin: c["sigmaMin"]!,
          sigmaMax: c["sigmaMax"]!,
          rho: c["rho"]!,
        }),
        c.sigma,
      );
    for (const c of rows("exponential"))
      expectNear(
        exponentialSigmas(c["n"]!, { sigmaMin: c["sigmaMin"]!, sigmaMax: c["sigmaMax"]! }),
        c.sigma,
      );
  });
  it("levelOfLambda has the golden alpha and sigma", () => {
    for (const c of rows("vpFromLambda")) {
      const { alpha, sigma } = levelOfLambda(c["lam"]!);
      expectNear([alpha, sigma], [c["alpha"]!, c["sigma"]]);
    }
  });
});
