import { describe, expect, it } from "vitest";
import { array } from "@provably/core-tensor";
import {
  bradleyTerryLoss,
  calibrateReward,
  certifyPessimism,
  fitRewardModel,
  implicitReward,
  policyDivergence,
  optimalLogPolicy,
  optimalValue,
  plackettLuceLoss,
  policyValue,
  solveBoundedVpo,
  solveVpo,
  suboptimality,
  winRate,
} from "../src/index.js";
import { type Nested, expectNear, f64, flat, load } from "./fixtures.js";

interface Tabular {
  readonly reward: number[][];
  readonly logRef: number[][];
  readonly beta: number;
  readonly promptDist: number[];
  readonly calibrationPolicy: number[][];
  readonly otherLogPolicy: number[][];
  readonly shift: number[];
  readonly optimalLogPolicy: number[][];
  readonly optimalValue: number;
  readonly valueOther: number;
  readonly valueRef: number;
  readonly klOtherRef: number[];
  readonly klRefOther: number[];
  readonly implicitRewardOther: number[][];
  readonly suboptimalityOther: number;
  readonly calibratedReward: number[][];
  readonly calibratedOptimalValue: number;
  readonly minusBetaCalLogRatio: number;
  readonly shiftedOptimalLogPolicy: number[][];
  readonly shiftedOptimalValue: number;
  readonly winRateOtherVsRef: number;
  readonly winRateOptVsRef: number;
}
const tabular = load<{ cases: Tabular[] }>("tabular-exact");

describe("golden finite problems", () => {
  it.each(tabular.cases.map((c, i) => [i, c] as const))("values and policies, case %i", (_, c) => {
    const options = { beta: c.beta, promptDistribution: c.promptDist };
    const near = (a: Nested | ReturnType<typeof f64>, b: Nested): void => expectNear(a, b, 1e-10);
    const best = optimalLogPolicy(c.reward, c.logRef, c.beta);
    near(best, c.optimalLogPolicy);
    near(optimalValue(c.reward, c.logRef, options), c.optimalValue);
    near(policyValue(c.reward, c.otherLogPolicy, c.logRef, options), c.valueOther);
    near(policyValue(c.reward, c.logRef, c.logRef, options), c.valueRef);
    near(policyDivergence(c.otherLogPolicy, c.logRef), c.klOtherRef);
    near(policyDivergence(c.logRef, c.otherLogPolicy), c.klRefOther);
    near(implicitReward(c.otherLogPolicy, c.logRef, c.beta), c.implicitRewardOther);
    near(suboptimality(c.reward, c.otherLogPolicy, c.logRef, options), c.suboptimalityOther);
    near(
      c.optimalValue - c.valueOther,
      suboptimality(c.reward, c.otherLogPolicy, c.logRef, options),
    );
    const calibrated = calibrateReward(c.reward, c.calibrationPolicy, {
      promptDistribution: c.promptDist,
    });
    near(calibrated, c.calibratedReward);
    near(optimalValue(calibrated, c.logRef, options), c.calibratedOptimalValue);
    near(c.minusBetaCalLogRatio, c.calibratedOptimalValue);
    const shifted = c.reward.map((row, x) => row.map((r) => r + c.shift[x]!));
    near(optimalLogPolicy(shifted, c.logRef, c.beta), c.shiftedOptimalLogPolicy);
    near(optimalValue(shifted, c.logRef, options), c.shiftedOptimalValue);
    near(
      winRate(c.otherLogPolicy, c.logRef, c.reward, { promptDistribution: c.promptDist }),
      c.winRateOtherVsRef,
    );
    near(
      winRate(best, c.logRef, c.reward, { promptDistribution: c.promptDist }),
      c.winRateOptVsRef,
    );
  });
});

interface Offline {
  readonly cases: {
    readonly beta: number;
    readonly data: number[][];
    readonly promptDist: number[];
    readonly logRef: number[][];
    readonly calibrationPolicy: number[][];
    readonly trueReward: number[][];
    readonly rows: {
      alpha: number;
      policy: number[][];
      calibratedReward: number[][];
      nll: number;
      optimalValue: number;
      gap: number;
    }[];
  }[];
  readonly twoResponse: {
    winsFirst: number;
    winsSecond: number;
    calFirst: number;
    refFirst: number;
    beta: number;
    alpha: number;
    policyFirst: number;
  }[];
  readonly boundedClass: {
    readonly data: number[][];
    readonly logRef: number[][];
    readonly calibrationPolicy: number[][];
    readonly beta: number;
    readonly bound: number;
    readonly table: {
      signedAlpha: number;
      reward: number[];
      nll: number;
      optimalValue: number;
      policy: number[];
    }[];
  };
}
const offline = load<Offline>("offline-exact");

describe("golden offline solutions", () => {
  it("minimise the pessimistic objective over a grid of α, certified", ({ task }) => {
    let gap = 0;
    for (const c of offline.cases) {
      const problem = {
        data: c.data,
        logReference: c.logRef,
        calibration: c.calibrationPolicy,
        promptDistribution: c.promptDist,
      };
      const values: number[] = [];
      for (const row of c.rows) {
        const hyperparameters = { beta: c.beta, alpha: row.alpha / c.data.length };
        const solved = solveVpo(problem, hyperparameters);
        expectNear(flat(solved.logPolicy).map(Math.exp), row.policy, row.alpha <= 30 ? 1e-8 : 1e-6);
        expect(solved.certificate.holds).toBe(true);
        const options = { beta: c.beta, promptDistribution: c.promptDist };
        expect(
          Math.abs(suboptimality(c.trueReward, solved.logPolicy, c.logRef, options) - row.gap),
        ).toBeLessThan(1e-6);
        const certificates = certifyPessimism(problem, solved, hyperparameters);
        expect(certificates.dualityGap.holds).toBe(true);
        gap = Math.max(gap, Math.abs(certificates.dualityGap.value));
        expect(certificates.calibration.holds).toBe(true);
        expect(certificates.pessimism.verdict).not.toBe("fails");
        values.push(row.optimalValue);
      }
      values.slice(1).forEach((v, i) => expect(v).toBeLessThanOrEqual(values[i]! + 1e-9));
    }
    task.meta.claim = {
      says: "Offline VPO is a saddle point between policy and reward, and its promised value falls as α grows",
      source: "Cen and others (2025), section on the pessimistic objective; proof in the guide",
      measured: `largest duality gap ${gap.toExponential(1)} over golden problems`,
    };
  });

  it("two responses, by bisection elsewhere", () => {
    for (const {
      winsFirst,
      winsSecond,
      calFirst,
      refFirst,
      beta,
      alpha,
      policyFirst,
    } of offline.twoResponse) {
      const data = [
        ...Array.from({ length: winsFirst }, () => [0, 0, 1]),
        ...Array.from({ length: winsSecond }, () => [0, 1, 0]),
      ];
      const { logPolicy } = solveVpo(
        {
          data,
          logReference: [[Math.log(refFirst), Math.log1p(-refFirst)]],
          calibration: [[calFirst, 1 - calFirst]],
        },
        { beta, alpha: alpha / data.length },
        { tolerance: 1e-15 },
      );
      expect(Math.abs(Math.exp(logPolicy.get(0, 0)) - policyFirst)).toBeLessThan(1e-12);
    }
  });

  it("bounded rewards, from pessimism to optimism", () => {
    const { data, logRef, calibrationPolicy, beta, bound, table } = offline.boundedClass;
    for (const { signedAlpha, reward, nll, optimalValue: value, policy } of table) {
      const solved = solveBoundedVpo(
        { data, logReference: logRef, calibration: calibrationPolicy },
        { beta, signedAlpha, bound },
      );
      expectNear(solved.reward, reward, 1e-5);
      expectNear(solved.nll, nll, 1e-5);
      expectNear(solved.optimalValue, value, 1e-5);
      expectNear(flat(solved.logPolicy).map(Math.exp), policy, 1e-5);
    }
  });
});

interface Rewards {
  readonly pairs: {
    rewardChosen: number[];
    rewardRejected: number[];
    cases: {
      margin: number;
      centre: number;
      losses: number[];
      grads: { chosen: number[]; rejected: number[] };
    }[];
  };
  readonly plackettLuce: { scores: number[][]; nll: number[]; grad: number[][] };
  readonly linear: {
    readonly features: number[][][];
    readonly data: number[][];
    readonly promptDist: number[];
    readonly calibrationPolicy: number[][];
    readonly fits: {
      ridge: number;
      theta: number[];
      nll: number;
      reward: number[][];
      calibrated: number[][];
      calibratedPerPrompt: number[][];
    }[];
  };
}
const rewards = load<Rewards>("reward-model");

describe("golden reward models", () => {
  it("pairs and rankings", () => {
    const { rewardChosen, rewardRejected, cases } = rewards.pairs;
    const n = rewardChosen.length;
    for (const { margin, centre, losses, grads } of cases) {
      const got = bradleyTerryLoss(rewardChosen, rewardRejected, {
        margin,
        centering: centre,
      });
      expectNear(got.losses, losses, 1e-12);
      expectNear(
        flat(got.gradient.chosen).map((g) => g * n),
        grads.chosen,
        1e-12,
      );
      expectNear(
        flat(got.gradient.rejected).map((g) => g * n),
        grads.rejected,
        1e-12,
      );
    }
    const { scores, nll, grad } = rewards.plackettLuce;
    const ranked = plackettLuceLoss(scores);
    expectNear(ranked.losses, nll, 1e-12);
    expectNear(
      flat(ranked.gradient.scores).map((g) => g * scores.length),
      grad,
      1e-12,
    );
  });

  it("maximum likelihood with and without ridge", () => {
    const { features, data, promptDist, calibrationPolicy, fits } = rewards.linear;
    const [prompts, responses] = [features.length, features[0]!.length];
    const logReference = array(new Float64Array(prompts * responses).fill(-Math.log(responses)), {
      shape: [prompts, responses],
    });
    for (const { ridge, theta, nll, calibrated, calibratedPerPrompt } of fits) {
      const fit = fitRewardModel({ data, logReference, features }, { ridge });
      expect(fit.certificate.holds).toBe(true);
      if (ridge > 0) expectNear(fit.theta, theta, 1e-7);
      expectNear(fit.nll, nll, 1e-7);
      expectNear(
        calibrateReward(fit.reward, calibrationPolicy, {
          promptDistribution: promptDist,
          per: "prompt",
        }),
        calibratedPerPrompt,
        1e-6,
      );
      if (ridge > 0)
        expectNear(
          calibrateReward(fit.reward, calibrationPolicy, { promptDistribution: promptDist }),
          calibrated,
          1e-6,
        );
    }
  });
});
