import { ndtr, toTypedArray, array } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import { type PreferenceProblem, certifyLeader, solveVpo } from "../src/index.js";

const votes = (n: number, row: readonly number[]): number[][] => Array.from({ length: n }, () => [...row]); // prettier-ignore
const uniform = (n: number): number[][] => [new Array<number>(n).fill(-Math.log(n))];
const beta = 0.5;
const judged = (problem: PreferenceProblem, alphaSum: number, options = {}, seed = 0) => {
  const hyperparameters = { beta, alpha: alphaSum / (problem.data as number[][]).length };
  const solution = solveVpo(problem, hyperparameters);
  return { solution, hyperparameters, ...certifyLeader(key(seed), problem, solution, hyperparameters, options) }; // prettier-ignore
};
const phi = (x: number): number => toTypedArray(ndtr(array([x], { dtype: "float64" })))[0]!;

describe("certifyLeader", () => {
  it("of two responses is the normal probability of their difference", () => {
    for (const [n, m] of [
      [8, 5],
      [40, 30],
      [300, 200],
    ] as const) {
      const problem = { data: [...votes(n, [0, 0, 1]), ...votes(m, [0, 1, 0])], logReference: uniform(2) }; // prettier-ignore
      const { solution, leader } = judged(problem, 2, { numSamples: 20_000 });
      const difference = solution.theta.get(0) - solution.theta.get(1);
      const p = 1 / (1 + Math.exp(-difference));
      const pi = Math.exp(solution.logPolicy.get(0, 0));
      const curvature = (n + m) * p * (1 - p) + (2 / beta) * pi * (1 - pi);
      expect(leader.value).toBeCloseTo(phi(difference * Math.sqrt(curvature)), 1);
      expect(Math.abs(leader.value - phi(difference * Math.sqrt(curvature)))).toBeLessThan(0.012);
    }
  });

  it("of three responses is near the integral over all rewards", () => {
    // exp(−NLL − α J*) on a grid of the two differences to the third reward
    const rows = [...votes(30, [0, 0, 1]), ...votes(20, [0, 1, 0]), ...votes(18, [0, 1, 2]), ...votes(14, [0, 2, 1]), ...votes(25, [0, 0, 2]), ...votes(12, [0, 2, 0])]; // prettier-ignore
    const problem = { data: rows, logReference: uniform(3) };
    const { solution, leader, information } = judged(problem, 3, { value: 0.2 });
    const reward = (a: number, b: number): number[] => [a - (a + b) / 3, b - (a + b) / 3, -(a + b) / 3]; // prettier-ignore
    const best = (r: readonly number[]): number => beta * Math.log(r.reduce((s, v) => s + Math.exp(v / beta) / 3, 0)); // prettier-ignore
    const counts = new Map<string, number>();
    for (const row of rows) counts.set(row.join(), (counts.get(row.join()) ?? 0) + 1);
    const pi = [0, 1, 2].map((y) => Math.exp(solution.logPolicy.get(0, y)));
    const kl = pi.reduce((s, p) => s + p * Math.log(3 * p), 0);
    let [mass, first, loss] = [0, 0, 0];
    for (let a = -1; a < 2; a += 0.02)
      for (let b = -1.5; b < 1.5; b += 0.02) {
        const r = reward(a, b);
        let energy = 3 * best(r);
        for (const [row, n] of counts) {
          const [, i, j] = row.split(",").map(Number) as [number, number, number];
          energy += n * Math.log1p(Math.exp(r[j]! - r[i]!));
        }
        const w = Math.exp(70 - energy);
        mass += w;
        first += r[0] === Math.max(...r) ? w : 0;
        loss += w * (best(r) - pi.reduce((s, p, y) => s + p * r[y]!, 0) + beta * kl);
      }
    expect(Math.abs(leader.value - first / mass)).toBeLessThan(0.03);
    expect(Math.abs(information.value / (loss / mass) - 1)).toBeLessThan(0.15);
  });

  it("says less is left to learn the more has been asked, and is undecided in between", () => {
    const after = (n: number) => judged({ data: [...votes(6 * n, [0, 0, 1]), ...votes(4 * n, [0, 1, 0])], logReference: uniform(2) }, 1); // prettier-ignore
    const left = [1, 10, 100].map((n) => after(n).information.value);
    expect(left[0]).toBeGreaterThan(left[1]!);
    expect(left[1]).toBeGreaterThan(left[2]!);
    expect([after(1).leader.verdict, after(100).leader.verdict]).toEqual(["fails", "holds"]);
    const near = after(3);
    const { leader } = certifyLeader(key(1), { data: [...votes(18, [0, 0, 1]), ...votes(12, [0, 1, 0])], logReference: uniform(2) }, near.solution, near.hyperparameters, { probability: near.leader.value }); // prettier-ignore
    expect(leader.verdict).toBe("undecided");
  });

  it("fails for what is not the solution of these preferences", () => {
    const problem = { data: [...votes(300, [0, 0, 1]), ...votes(100, [0, 1, 2]), ...votes(90, [0, 2, 1])], logReference: uniform(3) }; // prettier-ignore
    const { solution, hyperparameters, leader } = judged(problem, 4);
    expect(leader.holds).toBe(true);
    const judge = (change: object, given: PreferenceProblem = problem, h = hyperparameters) => certifyLeader(key(0), given, { ...solution, ...change }, h); // prettier-ignore
    const theta = Array.from(toTypedArray(solution.theta));
    const faults = {
      "a reward moved": judge({ theta: array(theta.map((t, i) => t + (i === 1 ? 1e-3 : 0)), { dtype: "float64" }) }), // prettier-ignore
      "the policy of another": judge({ logPolicy: solveVpo(problem, { beta, alpha: 0.5 }).logPolicy }), // prettier-ignore
      "other votes": judge({}, { ...problem, data: problem.data.map(([x, a, b], i) => (i < 20 ? [x!, b!, a!] : [x!, a!, b!])) }), // prettier-ignore
      "another α": judge({}, problem, { ...hyperparameters, alpha: 0.1 }),
    };
    for (const [fault, found] of Object.entries(faults)) {
      expect(found.leader.verdict, fault).toBe("fails");
      expect(found.information.verdict, fault).toBe("fails");
    }
  });

  it("is undecided where a response was neither compared nor held by α", () => {
    const problem = {
      data: [
        [0, 0, 1],
        [0, 1, 0],
      ],
      logReference: uniform(3),
    };
    const found = judged(problem, 0);
    expect([found.leader.verdict, found.information.verdict]).toEqual(["undecided", "undecided"]);
    expect(judged(problem, 1).leader.verdict).toBe("fails");
  });

  it("is the same for the same key, and takes features", () => {
    const problem = { data: [[0, 0, 1], [0, 0, 1], [0, 1, 2], [0, 2, 1], [0, 1, 0]], logReference: uniform(3), features: [[[1, 0], [0, 1], [1, 1]]] }; // prettier-ignore
    expect(judged(problem, 1).leader).toEqual(judged(problem, 1).leader);
    expect(judged(problem, 1).information.value).toBeGreaterThan(0);
    const { solution } = judged(problem, 1);
    expect(() => certifyLeader(key(0), problem, solution, { beta, alpha: 1, attitude: "optimistic" })).toThrow(/pessimistic/); // prettier-ignore
    expect(() => certifyLeader(key(0), problem, solution, { beta, alpha: 1 }, { probability: 2 })).toThrow(/probability/); // prettier-ignore
  });
});
