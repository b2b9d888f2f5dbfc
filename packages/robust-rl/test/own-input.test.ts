/** What users bring along: sets whose word is wrong, episodes that pay best when they never end, logs and tables with odd parts. */
import { describe, expect, it } from "vitest";
import {
  type UncertaintySet,
  logFromArrays,
  logFromCsv,
  logFromJsonl,
  mdp,
  mdpFromGymnasium,
  planFromLog,
  robustAverageReward,
  robustPlan,
  robustPolicyEvaluation,
  robustPolicyIteration,
  robustShortestPath,
  robustValueIteration,
  shortestPath,
  totalVariation,
  transitionLog,
  worstCaseExpectation,
} from "../src/index.js";

/** The nominal distribution, with another worst case than it is worth, or another kernel. */
const lying = (
  says: (worth: number) => number,
  mass = (p: number): number => p,
): UncertaintySet => ({
  kind: "lying",
  radius: 0.2,
  leavesSupport: false,
  worstCase:
    ({ values }) =>
    (p, at, _radius, nature) => {
      if (nature) values.forEach((_, s) => (nature.kernel[nature.at + s] = mass(p[at + s]!)));
      return says(values.reduce((sum, v, s) => sum + p[at + s]! * v, 0));
    },
});

describe("A set of the user's", () => {
  const model = mdp({ transitions: [[[0.5, 0.5], [0.1, 0.9]], [[0.3, 0.7], [0.9, 0.1]]], rewards: [[1, 0], [0, 2]], axes: "SAS" }); // prettier-ignore
  const verdicts = (set: UncertaintySet): string[] => [
    robustValueIteration(model, set, { discount: 0.9 }).certificate.verdict,
    robustPolicyIteration(model, set, { discount: 0.9 }).certificate.verdict,
    robustPlan(model, set, { horizon: 3 }).certificate.verdict,
    robustPolicyEvaluation(model, set, [0, 0], { discount: 0.9 }).certificate.verdict,
    robustAverageReward(model, set).certificate.verdict,
  ];

  it("whose worst case lies above what its kernel is worth has no certificate that holds", () => {
    expect(new Set(verdicts(lying((worth) => worth)))).toEqual(new Set(["holds"]));
    expect(new Set(verdicts(lying((worth) => worth + 1)))).toEqual(new Set(["fails"]));
    expect(new Set(verdicts(lying((worth) => worth - 1)))).toEqual(new Set(["fails"]));
    expect(new Set(verdicts(lying((worth) => worth, (p) => 2 * p)))).toEqual(new Set(["fails"])); // prettier-ignore
  });

  it("is refused by name where one expectation shows that it is wrong", () => {
    const expectation = (set: UncertaintySet) => () =>
      worstCaseExpectation([0.5, 0.5], [0, 1], set);
    expect(expectation(lying((worth) => worth))().value).toBe(0.5);
    for (const wrong of [
      lying((x) => x + 1),
      lying(() => NaN),
      lying(() => -Infinity),
      lying(
        (x) => x,
        (p) => 2 * p,
      ),
    ])
      // prettier-ignore
      expect(expectation(wrong)).toThrow(/worstCaseExpectation: set: worstCase of "lying" must/);
  });
});

describe("A shortest path", () => {
  // 0 and 1 pass a reward to and fro, and may end in 2
  const loop = (ends: readonly [number, number]) =>
    mdp({
      transitions: [[[0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 0, 1]], [[0, 0, 1], [0, 0, 1]]], // prettier-ignore
      rewards: [
        [1, ends[0]],
        [-1, ends[1]],
        [0, 0],
      ],
    });
  const waiting = (cost: number) =>
    mdp({ transitions: [[[1, 0], [0, 1]], [[0, 1], [0, 1]]], rewards: [[0, cost], [0, 0]], axes: "SAS" }); // prettier-ignore

  it("is refused where waiting for ever costs nothing and every end does", () => {
    expect(() => shortestPath(waiting(-1))).toThrow(
      /from state 0 a policy that never ends gains more/,
    );
    expect(() => robustShortestPath(waiting(-1), totalVariation(0.1, { support: "nominal" }))).toThrow(/never ends/); // prettier-ignore
    expect(() => shortestPath(loop([-5, -7]))).toThrow(/a policy that never ends gains more/);
  });

  it("is found where waiting costs nothing and an end pays, or costs nothing either", () => {
    expect(shortestPath(waiting(1)).values.get(0)).toBe(1);
    expect(shortestPath(waiting(0)).values.get(0)).toBe(0);
    expect([...shortestPath(loop([5, 1])).values]).toEqual([5, 4, 0]);
  });
});

describe("Logs and tables", () => {
  it("with holes are refused by their place", () => {
    const table: unknown[] = [];
    table[1] = [[[1, 0, 0, false]]];
    expect(() => mdpFromGymnasium(table)).toThrow(/mdpFromGymnasium: P\[0\] must hold entries/);
  });

  it("in flat arrays without successors do not ignore endState", () => {
    const arrays = { observations: [0, 1], actions: [0, 0], rewards: [0, 1], terminals: [0, 1] };
    expect(() => logFromArrays(arrays, { endState: "recorded" })).toThrow(/endState "recorded" needs nextObservations/); // prettier-ignore
    expect(logFromArrays(arrays, { endState: "own" }).terminalStates).toEqual([2]);
  });

  it("keep default names where a name is undefined, and may begin with a byte-order mark", () => {
    const names = { nextState: undefined } as unknown as { nextState: string };
    expect(logFromCsv("\uFEFFs,a,r,s_next,done\r\n0,0,1,1,1\r\n", { names }).terminalStates).toEqual([1]); // prettier-ignore
    expect(logFromJsonl('\uFEFF{"s":0,"a":0,"r":1,"s_next":1,"done":true}\r\n', { names }).terminalStates).toEqual([1]); // prettier-ignore
  });

  it("whose terminal states are none of their states make no plan", () => {
    const log = transitionLog({
      states: [0],
      actions: [0],
      rewards: [2],
      nextStates: [1],
      done: [1],
    });
    expect(() => planFromLog({ ...log, terminalStates: [7] }, { discount: 0.9 })).toThrow(/planFromLog: log.terminalStates must lie below 2, got 7/); // prettier-ignore
  });
});
