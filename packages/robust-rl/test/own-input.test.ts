/** What users bring along: sets whose word is wrong, episodes that pay best when they never end, logs and tables with odd parts. */
import { describe, expect, it } from "vitest";
import {
  type ExtensiveGame,
  type UncertaintySet,
  behaviourStrategy,
  logFromArrays,
  logFromCsv,
  logFromJsonl,
  mdp,
  mdpFromGymnasium,
  planFromLog,
  readEfg,
  reducedNormalForm,
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

  it("is refused by name where it solves nothing", () => {
    const none = { ...lying((worth) => worth), worstCase: () => 5 as never };
    expect(() => robustValueIteration(model, none, { discount: 0.9 })).toThrow(/robustValueIteration: set: worstCase of "lying" must give a function/); // prettier-ignore
    expect(() => robustAverageReward(model, none)).toThrow(/robustAverageReward: set: worstCase of "lying"/); // prettier-ignore
    expect(() => worstCaseExpectation([1], [0], none)).toThrow(/worstCaseExpectation: set: worstCase of "lying"/); // prettier-ignore
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

describe("An extensive game that came from elsewhere than a file", () => {
  const game = readEfg(`EFG 2 R "trust" { "one" "two" }
    p "" 1 1 "first" { "keep" "send" } 0
    t "" 1 "kept" { 1, 0 }
    p "" 2 1 "second" { "share" "take" } 0
    t "" 2 "shared" { 2, 2 }
    t "" 3 "taken" { 0, 4 }`);
  const node = (k: number, edit: object): ExtensiveGame => ({
    ...game,
    nodes: game.nodes.map((own, i) => (i === k ? { ...own, ...edit } : own)),
  });

  it("is refused by the node that does not fit, and never followed in a circle", () => {
    const form = (of: ExtensiveGame) => () => reducedNormalForm(of);
    expect(form(game)().payoffs.shape).toEqual([2, 2, 2]);
    expect(form({ ...game, nodes: [] })).toThrow(/reducedNormalForm: game must have nodes/);
    expect(form(node(2, { children: [3, 0] }))).toThrow(/game.nodes\[2\].children/);
    expect(form(node(2, { children: [3, 2] }))).toThrow(/game.nodes\[2\].children must be later/);
    expect(form(node(2, { children: [3, 9] }))).toThrow(/game.nodes\[2\].children must be later/);
    expect(form(node(2, { children: [3] }))).toThrow(/game.nodes\[2\] must have a child for each/);
    expect(form(node(2, { player: 2 }))).toThrow(/game.nodes\[2\] must be in an information set/);
    expect(form(node(3, { payoffs: [1] }))).toThrow(/game.nodes\[3\] must have a finite payoff/);
    expect(form(node(2, { kind: "chance", probabilities: [0.5, 0.6] }))).toThrow(/with sum 1/);
  });

  it("gives no behaviour strategy from the form of another game", () => {
    const form = reducedNormalForm(game);
    expect(behaviourStrategy(form, 0, [0.25, 0.75], game)).toEqual([[0.25, 0.75]]);
    const other = { ...form, strategies: [form.strategies[0]!, [[1, 1], [2, 1]]] }; // prettier-ignore
    expect(() => behaviourStrategy(other, 1, [0.5, 0.5], game)).toThrow(
      /form must be the reduced normal form/,
    );
    expect(() => behaviourStrategy({ ...form, strategies: [] }, 0, [1], game)).toThrow(
      /form must be/,
    );
  });
});
