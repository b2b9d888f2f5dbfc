import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type ConversationOptions,
  type OnlineState,
  coverageOf,
  loadPreferences,
  mlpPolicy,
  rankFromVotes,
  startOnline,
  trainPolicy,
} from "../src/index.js";

const third = Math.log(1 / 3);
const logReference = [[third, third, third]];

describe("A table of text", () => {
  it("with lines that end in CR alone is refused instead of read as a header and nothing", async () => {
    await expect(loadPreferences("prompt,chosen,rejected\rq,a,b\rr,c,d\r")).rejects.toThrow(/CR alone/); // prettier-ignore
  });

  it("whose header names a column twice is refused instead of read by its last", async () => {
    await expect(loadPreferences("prompt,chosen,rejected,rejected\nq,a,b,c\n")).rejects.toThrow(/"rejected" twice/); // prettier-ignore
  });
});

describe("A state that was edited", () => {
  const options: ConversationOptions = { beta: 0.5, alphaSum: 1, bound: { kind: "box", size: 2 }, batchSize: 2 }; // prettier-ignore
  const online = startOnline({ data: [], logReference }, options, key(0));
  online.answer(online.next()[0]!.id, 1);
  const state = JSON.parse(JSON.stringify(online.state)) as OnlineState;
  const resumed =
    (edit: Partial<OnlineState>, data: number[][] = []) =>
    () =>
      startOnline({ data, logReference }, { ...options, state: { ...state, ...edit } }, key(0));

  it("goes on where nothing was changed", () => {
    expect(resumed({})().next()).toHaveLength(1);
  });

  it("is refused where no query is left to answer, so that the round would never end", () => {
    const open = state.open.map((query) => ({ ...query, answer: 1 }));
    expect(resumed({ open })).toThrow(/state.open must hold a query without an answer/);
  });

  it("is refused where two queries have one number, or one that is not due", () => {
    const [one, other] = state.open as [OnlineState["open"][0], OnlineState["open"][0]];
    expect(resumed({ open: [one, { ...other, id: 0 }] })).toThrow(/state.open\[1\].id must be 1/);
    expect(resumed({ open: [one, { ...other, id: 7 }] })).toThrow(/state.open\[1\].id must be 1/);
  });

  it("is refused where it does not begin with the answers of the problem", () => {
    expect(resumed({ data: [[0, 0, 1, 1]], open: [] }, [[0, 1, 2]])).toThrow(/state.data must begin with/); // prettier-ignore
  });

  it("is refused where a mean of squares is negative", () => {
    const optimizer = { ...state.optimizer, second: [-1, 0, 0], step: 3 };
    expect(resumed({ optimizer })).toThrow(/state.optimizer.second must be ≥ 0/);
  });
});

describe("coverageOf", () => {
  it("refuses a policy whose probabilities do not sum to 1", () => {
    expect(() => coverageOf({ data: [[0, 0, 1]], logReference }, [[0, 0, 0]])).toThrow(/logPolicy must be logarithms/); // prettier-ignore
  });
});

describe("rankFromVotes", () => {
  const votes = (weight: number) => [
    { first: "a", second: "b", winner: "first" as const, weight: 3 * weight },
    { first: "a", second: "b", winner: "second" as const, weight },
    { first: "b", second: "c", winner: "tie" as const, weight },
  ];

  it("takes intervals of any coverage from the quantiles of a normal distribution", () => {
    // scipy.stats.norm.ppf(0.5 + coverage / 2)
    for (const [coverage, quantile] of [
      [0.95, 1.959963984540054],
      [0.9999999, 5.326723886681888],
      [1 - 1e-12, 7.130494613066504],
    ] as const) {
      // prettier-ignore
      const { interval, score, standardError } = rankFromVotes(key(0), votes(1), { coverage }).ranking[0]!; // prettier-ignore
      expect(Math.abs((interval[1] - score) / standardError - quantile)).toBeLessThan(1e-4);
    }
  });

  it("has a certificate on the scale of the votes, and shares that sum to 1", () => {
    for (const weight of [1e-9, 1, 1e9, 1e12]) {
      const { ranking, certificate } = rankFromVotes(key(0), votes(weight));
      expect(certificate.verdict).toBe("holds");
      expect(ranking.reduce((sum, { probabilityBest }) => sum + probabilityBest, 0)).toBeCloseTo(1, 12); // prettier-ignore
    }
    expect(rankFromVotes(key(0), [], { items: ["a"] }).ranking[0]!.probabilityBest).toBe(1);
  });
});

describe("trainPolicy that goes on from a state with a best", () => {
  const problem = { data: [[0, 0, 1], [0, 0, 2]], logReference }; // prettier-ignore
  const policy = mlpPolicy([[[1, 0, 0], [0, 1, 0], [0, 0, 1]]], key(0)); // prettier-ignore
  const train = (options: object) => trainPolicy(policy, problem, { beta: 1, alpha: 0.1 }, options);
  const evaluation = (data: number[][]) => ({ data, every: 1 });
  // held-out preferences that contradict the others are explained best at the first step
  const { state } = train({ numSteps: 5, evaluation: evaluation([[0, 1, 0]]) });

  it("gives the last parameters where nothing is held out any more", () => {
    const went = train({ numSteps: 5, state });
    const plain = train({ numSteps: 10 });
    expect([...went.logPolicy]).toEqual([...plain.logPolicy]);
  });

  it("refuses other held-out preferences than those that the best was best on", () => {
    expect(() => train({ numSteps: 1, state, evaluation: evaluation([[0, 0, 1]]) })).toThrow(/state.best.nll is/); // prettier-ignore
    expect(train({ numSteps: 1, state, evaluation: evaluation([[0, 1, 0]]) }).evaluations).toHaveLength(1); // prettier-ignore
  });
});
