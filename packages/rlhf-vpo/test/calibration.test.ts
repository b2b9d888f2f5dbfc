import { readFileSync } from "node:fs";
import { normal, key, uniform } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type PreferenceProblem,
  chooseCalibration,
  coverageOf,
  fitRewardModel,
  optimalLogPolicy,
  solveVpo,
  suboptimality,
} from "../src/index.js";
import { expectNear, flat, load } from "./fixtures.js";

interface Figure {
  readonly mean: number;
  readonly se: number;
}
interface Cell {
  readonly coverage: "good" | "uniform" | "bad";
  readonly beta: number;
  readonly N: number;
  readonly methods: Readonly<Record<string, Figure>>;
  readonly paired: Readonly<Record<string, Figure>>;
}
const { cells } = load<{ cells: Cell[] }>("calibration-study");

const K = 10;
const ALPHA = 3;
const logReference = [Array.from({ length: K }, () => Math.log(1 / K))];
const tilt = { good: 2, uniform: 0, bad: -2 };

function drawFrom(weights: readonly number[], u: number): number {
  let left = u * weights.reduce((sum, w) => sum + w, 0);
  for (let k = 0; k < weights.length; k++) if ((left -= weights[k]!) < 0) return k;
  return weights.length - 1;
}

/** Preferences between different responses of the behaviour policy, answered by Bradley and Terry. */
function instance(
  seed: number,
  coverage: Cell["coverage"],
  n: number,
): { reward: number[][]; data: number[][] } {
  // prettier-ignore
  const place = key(`${coverage} ${seed}`);
  const reward = flat(normal(place, [K], { dtype: "float64" }));
  const behaviour = reward.map((r) => Math.exp(tilt[coverage] * r));
  const u = flat(uniform(key(`pairs ${coverage} ${seed}`), [n, 3], { dtype: "float64" }));
  const data = Array.from({ length: n }, (_, i) => {
    const a = drawFrom(behaviour, u[3 * i]!);
    const b = drawFrom(behaviour.map((w, k) => (k === a ? 0 : w)), u[3 * i + 1]!); // prettier-ignore
    return u[3 * i + 2]! < 1 / (1 + Math.exp(reward[b]! - reward[a]!)) ? [0, a, b] : [0, b, a];
  });
  return { reward: [reward], data };
}

function gapsOf(seed: number, { coverage, beta, N }: Cell): Readonly<Record<string, number>> {
  const { reward, data } = instance(seed, coverage, N);
  const problem: PreferenceProblem = { data, logReference };
  const gap = (logPolicy: never): number =>
    suboptimality(reward, logPolicy, logReference, { beta });
  const ridge = (size: number): number =>
    gap(optimalLogPolicy(fitRewardModel(problem, { ridge: size }).reward, logReference, beta) as never); // prettier-ignore
  const vpo = (calibration?: PreferenceProblem["calibration"]): number =>
    gap(solveVpo({ ...problem, ...(calibration && { calibration }) }, { beta, alpha: ALPHA / N }).logPolicy as never); // prettier-ignore
  return {
    mle: ridge(1e-6),
    vpoReference: vpo(),
    vpoData: vpo(coverageOf(problem).dataDistribution),
    "ridge0.3": ridge(0.3),
    ridge1: ridge(1),
  };
}

function figure(x: readonly number[]): Figure {
  const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
  const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (x.length - 1);
  return { mean, se: Math.sqrt(variance / x.length) };
}

describe("the study of calibrations, against an independent one", () => {
  const slow = process.env["RUN_SLOW"] === "1";
  // without RUN_SLOW every third cell, with fewer instances
  const some = slow ? cells : cells.filter((_, i) => i % 3 === 0 && i % 2 === 0);
  const instances = slow ? 100 : 30;
  it.each(some.map((cell) => [cell.coverage, cell.beta, cell.N, cell] as const))(
    "%s coverage, β = %d, N = %i: gaps and paired differences within three standard errors",
    (_, __, ___, cell) => {
      const gaps = Array.from({ length: instances }, (____, seed) => gapsOf(seed, cell));
      const compare = (name: string, ours: Figure, theirs: Figure): void =>
        expect(Math.abs(ours.mean - theirs.mean) / Math.hypot(ours.se, theirs.se), name).toBeLessThan(3); // prettier-ignore
      for (const [name, theirs] of Object.entries(cell.methods))
        compare(name, figure(gaps.map((g) => g[name]!)), theirs);
      for (const [name, theirs] of Object.entries(cell.paired)) {
        const [a, b] = name.split(" - ") as [string, string];
        compare(name, figure(gaps.map((g) => g[a]! - g[b]!)), theirs);
      }
    },
  );
});

describe("the table of the guide", () => {
  const page = readFileSync(new URL("../../../docs/guides/choose-the-calibration.md", import.meta.url), "utf8"); // prettier-ignore
  const columns = { mle: 3, vpoReference: 6, vpoData: 7, "ridge0.3": 8, ridge1: 9 };
  const rows = [...page.matchAll(/^\| (good|uniform|bad) .*$/gm)].map(([line]) => line.split("|").slice(1, -1).map((cell) => cell.trim())); // prettier-ignore

  it("agrees with an independent study, figure by figure", () => {
    const off = cells.flatMap(({ coverage, beta, N, methods }) => {
      const row = rows.find(([c, b, n]) => c === coverage && Number(b) === beta && Number(n) === N);
      return Object.entries(columns).map(([name, at]) => {
        const [mean, se] = row![at]!.split(" ± ").map(Number) as [number, number];
        const theirs = methods[name]!;
        return Math.abs(mean - theirs.mean) / Math.hypot(se, theirs.se);
      });
    });
    // of ninety figures two standard errors leave out four or five by chance
    expect(off.filter((z) => z > 2).length / off.length).toBeLessThanOrEqual(0.05);
    expect(Math.max(...off)).toBeLessThan(3);
  });
});

describe("chooseCalibration", () => {
  const third = Math.log(1 / 3);
  const problem = { data: [[0, 0, 1], [0, 0, 1], [0, 1, 0], [0, 0, 1]], logReference: [[third, third, third]] }; // prettier-ignore

  it("takes the candidate that is right about responses which are compared often", () => {
    // response 0 beats 1 nine times of ten: a calibration that has no 0 pulls the other way
    const data = Array.from({ length: 60 }, (_, i) => (i % 10 === 0 ? [0, 1, 0] : [0, 0, 1]));
    const candidates = { wrong: [[0.02, 0.96, 0.02]], right: [[0.9, 0.09, 0.01]] };
    const { name, scores, calibration, undecided } = chooseCalibration(key(0), { ...problem, data }, { beta: 1, alphaSum: 30, candidates }); // prettier-ignore
    expect(name).toBe("right");
    // the frequencies of the data explain them nearly as well
    expect(undecided).toBe(true);
    expect(scores[scores.length - 1]!.nll - scores[0]!.nll).toBeGreaterThan(0.05);
    expect(scores[scores.length - 1]!.name).toBe("wrong");
    expectNear(calibration, candidates.right[0]!, 1e-15);
  });

  it("is the same for the same key, and says what the data do not cover", () => {
    const choose = () => chooseCalibration(key(1), problem, { beta: 1, folds: 2 });
    expect(choose().scores).toEqual(choose().scores);
    const { covered, concentration, dataDistribution } = choose().coverage;
    expect(covered).toBeCloseTo(2 / 3, 12);
    expect(concentration).toBe(Infinity);
    expectNear(dataDistribution, [0.5, 0.5, 0], 1e-15);
    const onData = coverageOf(problem, [[Math.log(0.5), Math.log(0.5), -800]]);
    expect([onData.covered, onData.concentration]).toEqual([1, 1]);
  });

  it("refuses what it cannot judge", () => {
    const choose = (options: object) => () => chooseCalibration(key(0), problem, options as never);
    expect(choose({ beta: 1 })).toThrow(/data have 4 rows, and folds is 5/);
    expect(choose({ beta: 1, folds: 2, candidates: { data: [[1, 0, 0]] } })).toThrow(/candidates.data has the name/); // prettier-ignore
    expect(choose({ beta: 1, folds: 2, candidates: { x: [[1, 1, 0]] } })).toThrow(/candidates.x must sum to 1/); // prettier-ignore
    expect(choose({ folds: 2 })).toThrow(/beta/);
  });
});
