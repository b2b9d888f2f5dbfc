import { describe, expect, it } from "vitest";
import { type LossResult, dpoLoss, vpoLoss } from "../src/index.js";
import {
  apoDownLoss,
  apoZeroLoss,
  bcoPairLoss,
  cpoLoss,
  discopopLoss,
  dpopLoss,
  exoPairLoss,
  hingeLoss,
  ipoLoss,
  ktoLoss,
  ncaPairLoss,
  orpoLoss,
  robustDpoLoss,
  rpoLoss,
  simpoLoss,
  slicLoss,
  sppoHardLoss,
  xpoLoss,
} from "../src/baselines/index.js";
import { log1mexp, logSigmoid, sigmoid, softplus } from "../src/numerics.js";
import { type Nested, expectNear, flat, load } from "./fixtures.js";

interface Params {
  readonly beta: number;
  readonly label_smoothing?: number;
  readonly alpha: number;
  readonly sign: 1 | -1;
  readonly calibration: "chosen" | "rejected" | "both" | "samples";
  readonly lam: number;
  readonly tau: number;
  readonly gamma: number;
  readonly sft_weight: number;
  readonly nll_weight: number;
  readonly reg_weight: number;
  readonly delta: number;
  readonly z_ref: number;
  readonly w_des: number;
  readonly w_und: number;
}
type Inputs = Readonly<Record<string, number[]>> & {
  readonly calibration?: number[][];
  readonly refCalibration?: number[][];
};
interface Case {
  readonly loss: string;
  readonly kind: string;
  readonly inputs: Inputs;
  readonly params: Params;
  readonly losses: number[];
  readonly meanLoss: number;
  readonly grads: Record<string, Nested>;
}
const golden = load<{ cases: Case[] }>("losses");
const scalars = load<
  Record<"x" | "softplus" | "logSigmoid" | "sigmoid", number[]> & {
    log1mexp: { x: number[]; y: number[] };
  }
>("scalars");

const pairsOf = ({ chosen, rejected }: Inputs) => ({ chosen: chosen!, rejected: rejected! });
const batchOf = (x: Inputs) => ({
  ...pairsOf(x),
  refChosen: x["refChosen"]!,
  refRejected: x["refRejected"]!,
});
const lengthsOf = ({ lenChosen, lenRejected }: Inputs) => ({
  chosenLengths: lenChosen!,
  rejectedLengths: lenRejected!,
});
const smooth = ({ label_smoothing }: Params) =>
  label_smoothing === undefined ? {} : { labelSmoothing: label_smoothing };

const losses: Record<string, (inputs: Inputs, p: Params) => LossResult> = {
  dpo: (x, p) => dpoLoss(batchOf(x), { beta: p.beta, ...smooth(p) }),
  robustDpo: (x, p) => robustDpoLoss(batchOf(x), { beta: p.beta, ...smooth(p) }),
  ipo: (x, p) => ipoLoss(batchOf(x), { beta: p.beta, normalise: "sum" }),
  ipoAverage: (x, p) => ipoLoss({ ...batchOf(x), ...lengthsOf(x) }, { beta: p.beta }),
  hinge: (x, p) => hingeLoss(batchOf(x), { beta: p.beta }),
  vpo: (x, p) =>
    vpoLoss(batchOf(x), {
      beta: p.beta,
      alpha: p.alpha,
      attitude: p.sign === 1 ? "optimistic" : "pessimistic",
      calibration: p.calibration,
      ...(p.calibration === "samples"
        ? { samples: x.calibration!, refSamples: x.refCalibration! }
        : {}),
      ...smooth(p),
    }),
  xpo: (x, p) => xpoLoss(batchOf(x), { beta: p.beta, alpha: p.alpha, refSample: x["refSample"]! }),
  rpo: (x, p) =>
    rpoLoss(
      { ...batchOf(x), chosenLengths: x["lenChosen"]! },
      { beta: p.beta, sftWeight: p.sft_weight },
    ),
  dpop: (x, p) => dpopLoss(batchOf(x), { beta: p.beta, lambda: p.lam }),
  bcoPair: (x, p) => bcoPairLoss(batchOf(x), { beta: p.beta }),
  ncaPair: (x, p) => ncaPairLoss(batchOf(x), { beta: p.beta }),
  exoPair: (x, p) => exoPairLoss(batchOf(x), { beta: p.beta, ...smooth(p) }),
  sppoHard: (x, p) => sppoHardLoss(batchOf(x), { beta: p.beta }),
  apoZero: (x, p) => apoZeroLoss(batchOf(x), { beta: p.beta }),
  apoDown: (x, p) => apoDownLoss(batchOf(x), { beta: p.beta }),
  discopop: (x, p) => discopopLoss(batchOf(x), { beta: p.beta, tau: p.tau }),
  slic: (x, p) =>
    slicLoss(pairsOf(x), { delta: p.delta, regWeight: p.reg_weight, regularised: x["regLogps"]! }),
  simpo: (x, p) =>
    simpoLoss({ ...pairsOf(x), ...lengthsOf(x) }, { beta: p.beta, gamma: p.gamma, ...smooth(p) }),
  cpo: (x, p) => cpoLoss(pairsOf(x), { beta: p.beta, nllWeight: p.nll_weight, ...smooth(p) }),
  orpo: (x, p) => orpoLoss({ ...pairsOf(x), ...lengthsOf(x) }, { lambda: p.lam }),
  kto: (x, p) =>
    ktoLoss(
      { policy: x["policy"]!, reference: x["reference"]!, desirable: x["desirable"]!.map(Number) },
      { beta: p.beta, klEstimate: p.z_ref, desirableWeight: p.w_des, undesirableWeight: p.w_und },
    ),
};
/** The fixture calls every further input "calibration". */
const extra: Record<string, string> = { vpo: "samples", xpo: "refSample", slic: "regularised" };

describe("golden losses", () => {
  it.each(golden.cases.map((c, i) => [`${i} ${c.loss}, ${c.kind}`, c] as const))("%s", (_, c) => {
    const result = losses[c.loss]!(c.inputs, c.params);
    expectNear(result.losses, c.losses, 1e-10);
    expect(Math.abs(result.loss - c.meanLoss)).toBeLessThanOrEqual(
      1e-10 * (1 + Math.abs(c.meanLoss)),
    );
    const size = c.losses.length;
    for (const [name, golden] of Object.entries(c.grads)) {
      const key =
        name === "calibration" ? extra[c.loss]! : name === "refCalibration" ? "refSamples" : name;
      // a loss without reference says nothing about one: its derivative is 0
      const found = result.gradient[key];
      expectNear(
        found ? flat(found).map((g) => g * size) : flat(golden).map(() => 0),
        golden,
        1e-10,
      );
    }
  });
});

describe("golden scalars", () => {
  it("softplus, sigmoids and ln(1 − eˣ) agree with sixty-digit arithmetic to the last digits, at any magnitude", () => {
    const { x, log1mexp: small } = scalars;
    const near = (a: number, b: number, rtol = 1e-14, atol = 5e-324): void => {
      if (!(Math.abs(a - b) <= rtol * Math.abs(b) + atol)) expect.fail(`${a} is not ${b}`);
    };
    x.forEach((v, i) => {
      near(softplus(v), scalars.softplus[i]!);
      near(logSigmoid(v), scalars.logSigmoid[i]!);
      near(sigmoid(v), scalars.sigmoid[i]!, v < -708 ? 1e-2 : 1e-14);
    });
    // The golden values below 1e-300 are written as 0.
    small.x.forEach((v, i) => near(log1mexp(v), small.y[i]!, 1e-14, 1e-300));
  });
});
