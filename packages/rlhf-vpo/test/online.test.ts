import { describe, expect, it } from "vitest";
import { toNested } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import {
  type OnlineOptions,
  type OnlineState,
  type PreferenceOracle,
  onlineVpo,
  onlineVpoAsync,
  solveVpo,
} from "../src/index.js";
import { expectNear, flat, load } from "./fixtures.js";

interface Loop {
  readonly problem: {
    readonly logReference: number[][];
    readonly promptDist: number[];
    readonly calibration: number[][];
  };
  readonly options: {
    readonly beta: number;
    readonly alphaSum: number;
    readonly batchSize: number;
    readonly distinct: boolean;
    readonly secondResponse: "policy" | "reference" | "calibration";
    readonly bound: { readonly kind: "box"; readonly size: number } | null;
    readonly innerSteps: number;
    readonly optimizer: "adamw";
    readonly learningRate: number;
    readonly weightDecay: number;
  };
  readonly uniforms: number[][];
  readonly queries: { x: number; y1: number; y2: number; answer: number }[];
  readonly policies: number[][][];
  readonly thetas: number[][];
  readonly losses: number[];
}
const loops = load<Loop[]>("online-interactive");

describe("golden online loops, answer by answer", () => {
  it.each(loops.map((loop, i) => [i, loop] as const))(
    "loop %i asks, learns and goes on as PyTorch does",
    async (_, { problem, options, uniforms, queries, policies, thetas, losses }) => {
      const { beta, alphaSum, batchSize, distinct, secondResponse, bound } = options;
      const { innerSteps, optimizer, learningRate, weightDecay } = options;
      const given = {
        data: [],
        logReference: problem.logReference,
        calibration: problem.calibration,
        promptDistribution: problem.promptDist,
      };
      const asked: number[][] = [];
      const oracle: PreferenceOracle = (x, y1, y2) => {
        asked.push([x, y1, y2]);
        return queries[asked.length - 1]!.answer;
      };
      const settings = {
        beta, alphaSum, batchSize, distinct, secondResponse, innerSteps, optimizer, learningRate, weightDecay,
        ...(bound && { bound }),
      }; // prettier-ignore
      const drawn = uniforms.map((u) => [...u, 0]);
      let state: OnlineState | undefined;
      losses.forEach((loss, t) => {
        const result = onlineVpo(key(0), given, oracle, {
          ...settings,
          numSteps: 1,
          uniforms: drawn.slice(t * batchSize, (t + 1) * batchSize),
          ...(state && { state }),
        });
        expectNear(flat(result.policies).map(Math.exp), policies[t]!.flat(), 1e-6);
        expectNear(flat(result.logPolicy).map(Math.exp), policies[t + 1]!.flat(), 1e-6);
        expectNear(result.theta, thetas[t]!.flat(), 1e-6);
        expectNear(result.losses, [loss], 1e-6);
        state = JSON.parse(JSON.stringify(result.state)) as OnlineState;
      });
      expect(asked).toEqual(queries.map(({ x, y1, y2 }) => [x, y1, y2]));
      // in one run, with a judge who takes time: the same bits
      asked.length = 0;
      const judge = async (...query: Parameters<PreferenceOracle>): Promise<number> => {
        const answer = oracle(...query);
        await Promise.resolve();
        return answer;
      };
      const whole = await onlineVpoAsync(key(0), given, judge, {
        ...settings,
        numSteps: losses.length,
        uniforms: drawn,
      });
      expect(flat(whole.theta)).toEqual(state!.optimizer.theta);
      expect(toNested(whole.data)).toEqual(queries.map(({ x, y1, y2, answer }) => [x, y1, y2, answer])); // prettier-ignore
    },
  );
});

describe("answers", () => {
  const problem = { data: [], logReference: [[Math.log(0.5), Math.log(0.5)]] };
  const options: OnlineOptions = { beta: 1, alphaSum: 0, numSteps: 2 };

  it.each([
    ["nothing", () => undefined],
    ["true", () => true],
    ["2 for the second", () => 2],
    ["-1", () => -1],
    ["NaN", () => NaN],
    ["a word", () => "tie"],
    ["null", () => null],
  ])("%s is no answer, and the error says what one is", (_, oracle) => {
    expect(() => onlineVpo(key(0), problem, oracle as never, options)).toThrow(
      /onlineVpo: the oracle must answer .* 1 \(the first\), 0 \(the second\), 0.5 \(a tie\)/,
    );
  });

  it("a promise is no answer, and the error says which function awaits it", async () => {
    const judge = () => Promise.resolve(1);
    expect(() => onlineVpo(key(0), problem, judge as never, options)).toThrow(
      /onlineVpo: .*promise; onlineVpoAsync awaits/,
    );
    await expect(onlineVpoAsync(key(0), problem, judge, options)).resolves.toBeDefined();
    await expect(
      onlineVpoAsync(key(0), problem, (() => Promise.resolve("first")) as never, options),
    ).rejects.toThrow(/onlineVpoAsync: the oracle must answer/);
  });

  it("a tie in the data is half a win for each, and a probability that share of one", () => {
    const logReference = [[0.5, 0.3, 0.2].map(Math.log)];
    const hyperparameters = { beta: 1, alpha: 0.3 };
    const of = (data: number[][]) => solveVpo({ data, logReference }, hyperparameters);
    const ties = of([[0, 0, 1, 0.5], [0, 0, 2, 0.75]]); // prettier-ignore
    const split = of([[0, 0, 1], [0, 1, 0], [0, 0, 1], [0, 1, 0], [0, 0, 2], [0, 0, 2], [0, 0, 2], [0, 2, 0]]); // prettier-ignore
    expectNear(ties.logPolicy, split.logPolicy, 1e-12);
    expect(ties.certificate.holds).toBe(true);
    expect(() => of([[0, 0, 1, 2]])).toThrow(/solveVpo: data\[0\] has probability 2/);
  });

  it("distinct queries never ask about a response and itself, even of a policy that is sure", () => {
    const sure = { data: [], logReference: [[-1e-300, -800]] };
    const asked = new Set<boolean>();
    onlineVpo(key(0), sure, (_, a, b) => (asked.add(a === b), 0.5), { ...options, distinct: true, numSteps: 5 }); // prettier-ignore
    expect([...asked]).toEqual([false]);
  });

  it("optimism about prompts that nobody asked about comes with a warning", () => {
    const half = Math.log(0.5);
    const two = { data: [], logReference: [[half, half], [half, half]] }; // prettier-ignore
    const bound = { kind: "box", size: 1 } as const;
    const once = { ...options, alphaSum: 1, bound, numSteps: 1 };
    const { warnings } = onlineVpo(key(0), two, () => 1, once);
    expect(warnings.join()).toMatch(/no query about 1 of 2 prompts/);
    expect(onlineVpo(key(0), problem, () => 1, once).warnings).toEqual([]);
  });
});
