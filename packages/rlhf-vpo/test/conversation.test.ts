import { type NdArray, array, toNested } from "@provably/core-tensor";
import { key, permutation } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type ConversationOptions,
  JudgeError,
  type OnlineConversation,
  type OnlineState,
  type PreferenceProblem,
  bradleyTerryOracle,
  mlpPolicy,
  onlineCosts,
  onlineVpo,
  onlineVpoAsync,
  startOnline,
} from "../src/index.js";
import { expectNear, flat, load } from "./fixtures.js";

interface Loop {
  readonly problem: Readonly<Record<"logReference" | "calibration", number[][]>> & {
    readonly promptDist: number[];
  };
  readonly options: Omit<ConversationOptions, "bound"> & {
    readonly bound: { readonly kind: "box"; readonly size: number } | null;
    readonly answers: string;
  };
  readonly uniforms: number[][];
  readonly queries: { x: number; y1: number; y2: number; answer: number }[];
  readonly policies: number[][][];
  readonly thetas: number[][];
  readonly losses: number[];
}
const loops = load<Loop[]>("online-interactive");
const json = <T>(x: T): T => JSON.parse(JSON.stringify(x)) as T;

const third = Math.log(1 / 3);
const problem: PreferenceProblem = {
  data: [],
  logReference: [
    [third, third, third],
    [third, third, third],
  ],
};
const reward = [[1, 0, -1], [0, 0.5, 1]]; // prettier-ignore
const options: ConversationOptions = {
  beta: 0.5,
  alphaSum: 1,
  batchSize: 3,
  bound: { kind: "box", size: 2 },
};

/** Answers the open queries in an order, by the oracle of the reward. */
function answerAll(online: OnlineConversation, seed = 0): void {
  const judge = bradleyTerryOracle(reward);
  const open = online.next();
  for (const i of permutation(key(seed), open.length).data as Int32Array) {
    const { id, x, y1, y2, u } = open[i]!;
    online.answer(id, judge(x, y1, y2, u));
  }
}

describe("golden conversations", () => {
  it.each(loops.map((loop, i) => [i, loop] as const))(
    "loop %i asks and learns as PyTorch does, saved as JSON after every answer and answered backwards",
    (_, { problem: given, options: all, uniforms, queries, policies, thetas, losses }) => {
      const { answers: __, bound, ...rest } = all;
      const settings = { ...rest, uniforms, ...(bound && { bound }) };
      const { logReference, calibration, promptDist: promptDistribution } = given;
      const full = { logReference, calibration, promptDistribution, data: [] };
      let state: OnlineState | undefined;
      const resume = () => startOnline(full, { ...settings, ...(state && { state }) }, key(9));
      losses.forEach((loss, t) => {
        let online = resume();
        expectNear(flat(online.logPolicy).map(Math.exp), policies[t]!.flat(), 1e-6);
        const round = online.next();
        const from = t * settings.batchSize!;
        const want = queries.slice(from, from + settings.batchSize!);
        expect(round.map(({ x, y1, y2 }) => ({ x, y1, y2 }))).toEqual(want.map(({ x, y1, y2 }) => ({ x, y1, y2 }))); // prettier-ignore
        let last: OnlineConversation = online;
        for (const { id } of [...round].reverse()) {
          online.answer(id, queries[id]!.answer);
          [last, state] = [online, json(online.state)];
          online = resume();
        }
        expectNear(online.logPolicy.data.length ? flat(online.logPolicy).map(Math.exp) : [], policies[t + 1]!.flat(), 1e-6); // prettier-ignore
        expectNear(state!.optimizer.theta, thetas[t]!.flat(), 1e-6);
        expectNear([last.loss!], [loss], 1e-6);
      });
    },
  );
});

describe("a conversation", () => {
  it("asks the same queries again until they are answered, and takes answers in any order", () => {
    const [a, b] = [startOnline(problem, options, key(1)), startOnline(problem, options, key(1))];
    const first = a.next();
    expect(a.next()).toEqual(first);
    a.answer(1, 1);
    expect(a.next().map(({ id }) => id)).toEqual([0, 2]);
    a.answer(2, 2);
    a.answer(0, "tie");
    b.next();
    b.answer(0, 0.5);
    b.answer(1, 1);
    b.answer(2, 0);
    expect(b.state).toEqual(a.state);
    expect(a.state.data.map((row) => row[3])).toEqual([0.5, 1, 0]);
    expect(a.next().map(({ id }) => id)).toEqual([3, 4, 5]);
  });

  it("refuses what is no answer or was not asked, and is as it was before", () => {
    const online = startOnline(problem, options, key(1));
    online.next();
    online.answer(0, 1);
    const before = json(online.state);
    for (const bad of [3, -0.1, NaN, "first", true, null, undefined, [1]])
      expect(() => online.answer(1, bad as never)).toThrow(/answer must be 1 \(the first\), 2 \(the second\), "tie"/); // prettier-ignore
    expect(() => online.answer(0, 2)).toThrow(/query 0 was answered before/);
    expect(() => online.answer(7, 1)).toThrow(/no query 7 is open; open are \[0, 1, 2\]/);
    expect(() => online.answer("1" as never, 1)).toThrow(/no query "1" is open/);
    expect(json(online.state)).toEqual(before);
    answerAll(online);
    expect(() => online.answer(1, 1)).toThrow(/query 1 was answered before/);
  });

  it("refuses a state of another problem, and options it does not know", () => {
    const online = startOnline(problem, options, key(1));
    answerAll(online);
    online.next();
    const other = { data: [], logReference: [[Math.log(0.5), Math.log(0.5)]] };
    const state = json(online.state);
    const go = (more: object, given = problem) => () => startOnline(given, { ...options, ...more }, key(1)); // prettier-ignore
    expect(go({ state }, other)).toThrow(/startOnline: state/);
    expect(go({ state: { ...state, open: [{ ...state.open[0]!, y1: 9 }] } })).toThrow(/state.open\[0\]/); // prettier-ignore
    expect(go({ state: { ...state, open: [{ ...state.open[0]!, answer: 2 }] } })).toThrow(/state.open\[0\].answer/); // prettier-ignore
    expect(go({ state: { ...state, optimizer: { ...state.optimizer, theta: [1] } } })).toThrow(/state.optimizer.theta/); // prettier-ignore
    expect(go({ numSteps: 3 })).toThrow(/startOnline: unknown option "numSteps"/);
    expect(go({ alphaSum: "1" })).toThrow(/startOnline: alphaSum/);
    expect(() => startOnline(problem, options, 1 as never)).toThrow(/startOnline: key/);
  });

  it("at low temperature never compares a response with itself, and above it follows the paper", () => {
    const low = startOnline(problem, { ...options, beta: 0.1, batchSize: 200 }, key(2));
    expect(low.next().some(({ y1, y2 }) => y1 === y2)).toBe(false);
    const high = startOnline(problem, { ...options, beta: 1, batchSize: 200 }, key(2));
    expect(high.next().some(({ y1, y2 }) => y1 === y2)).toBe(true);
  });
});

describe("options of a round", () => {
  const rounds = (more: Partial<ConversationOptions>, count = 4, given = problem) => {
    const online = startOnline(given, { ...options, ...more }, key(3));
    for (let t = 0; t < count; t++) answerAll(online, t);
    return online;
  };

  it("only the latest answers count where replay says so", () => {
    // a run on the last 3 answers alone, from the start, is a run with replay 3 and reset
    const online = rounds({ replay: 3, reset: true, secondResponse: "uniform" });
    const data = online.state.data.slice(-3).map((row) => [...row]);
    const fresh = onlineVpo(key(0), { ...problem, data }, () => 1, { ...options, beta: 0.5, replay: 3, numSteps: 0 }); // prettier-ignore
    expect(fresh.data.shape).toEqual([3, 4]);
    const one = startOnline(problem, { ...options, state: { ...startOnline(problem, options, key(0)).state, open: data.map(([x, y1, y2, answer], id) => ({ id, x: x!, y1: y1!, y2: y2!, u: 0, answer: id === 2 ? null : answer! })) } }, key(0)); // prettier-ignore
    one.answer(2, data[2]![3]!);
    expect(flat(online.logPolicy)).toEqual(flat(one.logPolicy));
  });

  it("a schedule of α is a constant one where it is constant, and read round by round", () => {
    const seen: number[] = [];
    const scheduled = rounds({ alphaSum: (round) => (seen.push(round), 1) });
    expect(scheduled.state).toEqual(rounds({}).state);
    expect(seen).toEqual([0, 1, 2, 3]);
    expect(() => rounds({ alphaSum: () => -1 })).toThrow(/alphaSum\(0\)/);
  });

  it("the reference becomes the policy, which the next round starts from, also through JSON", () => {
    const online = rounds({ referenceEvery: 2 });
    const { logReference, optimizer } = online.state;
    expectNear(flat(online.logPolicy), logReference!.flat(), 1e-12);
    expect(optimizer.step).toBe(0);
    const again = startOnline(problem, { ...options, referenceEvery: 2, state: json(online.state) }, key(3)); // prettier-ignore
    expect(again.next()).toEqual(online.next());
    const still = rounds({ referenceEvery: 2, innerSteps: 0 });
    expectNear(flat(still.logPolicy), (problem.logReference as number[][]).flat(), 1e-12);
  });

  it("the most informative second response is the one compared least, where rewards are alike", () => {
    const given = { data: [[0, 0, 1, 0.5], [0, 0, 1, 0.5], [0, 1, 0, 0.5]], logReference: [[third, third, third]] }; // prettier-ignore
    const online = startOnline(given, { ...options, secondResponse: "information", batchSize: 60 }, key(4)); // prettier-ignore
    for (const { y1, y2 } of online.next()) expect(y2).toBe(y1 === 2 ? 0 : 2);
  });

  it("a table as a policy of one's own gives the run of the problem's table, and a network learns", () => {
    const table = { init: { r: array(new Float64Array(6), { shape: [2, 3] }) }, scores: ({ r }: { r: NdArray }) => r }; // prettier-ignore
    const { bound: _, ...free } = options;
    const run = (more: object) => {
      const online = startOnline(problem, { ...free, ...more }, key(5));
      for (let t = 0; t < 4; t++) answerAll(online, t);
      return online;
    };
    expectNear(flat(run({ policy: table }).logPolicy), flat(run({}).logPolicy), 1e-9);
    const features = [[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 0, 1], [0, 1, 1], [0, 0, 2]]]; // prettier-ignore
    const network = run({ policy: mlpPolicy(features, key(6), { hidden: [4] }), alphaSum: 0 });
    expect(flat(network.logPolicy)).not.toEqual((problem.logReference as number[][]).flat());
    expect(() => run({ policy: table, bound: { kind: "box", size: 1 } })).toThrow(/needs a tabular problem/); // prettier-ignore
    expect(() => run({ policy: table, secondResponse: "information" })).toThrow(/no posterior/);
  });
});

describe("judges who fail", () => {
  const oracle = bradleyTerryOracle(reward);
  const run = { ...options, numSteps: 20 };
  const whole = onlineVpo(key(7), problem, oracle, run);

  it("lose no answer: the error carries them all, and the run goes on to the same bits", async () => {
    let asked = 0;
    let state: OnlineState | undefined;
    const judge = async (...query: Parameters<typeof oracle>): Promise<number> => {
      await Promise.resolve();
      if (++asked % 7 === 0) throw new Error("the service is away");
      return oracle(...query);
    };
    let failures = 0;
    for (;;) {
      const done = state?.rounds ?? 0;
      try {
        const rest = await onlineVpoAsync(key(7), problem, judge, { ...run, numSteps: 20 - done, ...(state && { state }) }); // prettier-ignore
        expect(flat(rest.theta)).toEqual(flat(whole.theta));
        expect(toNested(rest.data)).toEqual(toNested(whole.data));
        break;
      } catch (error) {
        expect(error).toBeInstanceOf(JudgeError);
        expect((error as Error).message).toMatch(/onlineVpoAsync: no answer about prompt \d, .*the service is away/); // prettier-ignore
        failures++;
        state = json((error as JudgeError).state);
      }
    }
    expect(failures).toBeGreaterThan(5);
    expect(asked).toBe(60 + failures);
  });

  it("are asked again as often as retries say", async () => {
    let asked = 0;
    const judge = (...query: Parameters<typeof oracle>): Promise<number> =>
      ++asked % 3 === 0 ? oracle(...query) as never : Promise.reject(new Error("busy")); // prettier-ignore
    const retried = await onlineVpoAsync(key(7), problem, judge, { ...run, retries: 2, concurrency: 1 }); // prettier-ignore
    expect(flat(retried.theta)).toEqual(flat(whole.theta));
    expect(asked).toBe(180);
  });

  it("never have more queries at once than concurrency says", async () => {
    let [now, most] = [0, 0];
    const judge = async (...query: Parameters<typeof oracle>): Promise<number> => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve));
      now--;
      return oracle(...query);
    };
    await onlineVpoAsync(key(7), problem, judge, { ...run, numSteps: 3, concurrency: 2 });
    expect(most).toBe(2);
  });

  it("may be slow: after 50 kills no answer is lost and the bits are the same", async () => {
    let [saved, kills, paid] = ["", 0, 0];
    const long = { ...options, batchSize: 4 };
    const rounds = 50;
    const uninterrupted = onlineVpo(key(8), problem, oracle, { ...long, numSteps: rounds });
    for (;;) {
      const stop = new AbortController();
      // of the four on their way some are answered, one after the other, and then the power goes
      let left = kills < 50 ? 1 + ((kills * 7) % 5) : Infinity;
      const judge = async (...query: Parameters<typeof oracle>): Promise<number> => {
        await new Promise((resolve) => setTimeout(resolve));
        if (left <= 0) return new Promise(() => undefined);
        paid++;
        if (--left === 0) setTimeout(() => stop.abort(new Error("killed")));
        return oracle(...query);
      };
      const state = saved === "" ? undefined : (JSON.parse(saved) as OnlineState);
      try {
        const rest = await onlineVpoAsync(key(8), problem, judge, {
          ...long,
          numSteps: rounds - (state?.rounds ?? 0),
          ...(state && { state }),
          onState: (now) => (saved = JSON.stringify(now)),
          signal: stop.signal,
        });
        expect(flat(rest.theta)).toEqual(flat(uninterrupted.theta));
        expect(toNested(rest.data)).toEqual(toNested(uninterrupted.data));
        break;
      } catch (error) {
        expect((error as Error).message).toBe("killed");
        kills++;
      }
    }
    expect([kills, paid]).toEqual([50, 4 * rounds]);
  });
});

describe("the costs of a run", () => {
  it("are those of its own policies and responses, each apart", () => {
    const reference = [[0.5, 0.5].map(Math.log)];
    const given = { data: [[0, 0, 1]], logReference: reference };
    const asked = [[0, 0, 1, 1], [0, 0, 1, 1], [0, 1, 1, 0.5]]; // prettier-ignore
    const policies = [reference, reference];
    const fake = { data: array(asked, { dtype: "float64" }), policies: array(policies, { dtype: "float64" }) } as never; // prettier-ignore
    const costs = onlineCosts([[1, 0]], given, fake, { beta: 1 });
    const gap = Math.log((Math.E + 1) / 2) - 0.5;
    expectNear(flat(costs.regret), [gap, 2 * gap], 1e-12);
    expect([costs.queries, costs.selfComparisons, costs.firstResponse, costs.secondResponse]).toEqual([2, 1, 1, 2]); // prettier-ignore
  });
});
