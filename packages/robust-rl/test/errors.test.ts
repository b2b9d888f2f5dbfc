import { key } from "@provably/core-tensor/random";
import { bimatrixNash, certifyOffline, chiSquare, collectOfflineData, commonsGame, cvar, drNvi, drop, dropV, evaluatePolicy, gridPicture, inventory, l1Ball, machineReplacement, nashEquilibria, randomLinearMdp, riverSwim, robustBellman, robustModifiedPolicyIteration, sRectangularL1, totalVariation, trimmedCount, valueIteration, weissmanRadius, worstCaseKernel, worstCaseExpectation } from "@provably/robust-rl"; // prettier-ignore
import { describe, expect, it } from "vitest";
import { expectRefusal } from "../../../scripts/testing/refusal.js";

/** What no type allows and JavaScript callers pass all the same. */
const any = (value: unknown): never => value as never;
const bare: unknown = Object.create(null);

/** A list whose storage was given away, which throws when it is compared or printed. */
function detached(): Float64Array {
  const x = new Float64Array(1);
  structuredClone(x.buffer, { transfer: [x.buffer] });
  return x;
}

describe("arguments of the wrong kind", () => {
  const model = riverSwim();
  const still = new Array<number>(model.numStates).fill(0);
  const linear = randomLinearMdp(key(0), { numStates: 4, numActions: 2, dimension: 3, horizon: 2 });
  const offline = collectOfflineData(key(1), linear, { numEpisodes: 20 });
  const calls: [string, () => unknown, RegExp][] = [
    ["a length without a value", () => riverSwim(any(bare)), /riverSwim: length/],
    ["no wear states", () => machineReplacement(0), /machineReplacement: wearStates/],
    [
      "a capacity that is a big integer",
      () => inventory({ capacity: any(10n) }),
      /inventory: capacity .* got 10n/,
    ],
    [
      "a demand that holds symbols",
      () => inventory({ demand: any([Symbol("p")]) }),
      /inventory: demand/,
    ],
    ["a symbol for a radius", () => totalVariation(any(Symbol("r"))), /got Symbol\(r\)/],
    ["a radius in text", () => l1Ball(any("0.1")), /radius|array/],
    ["a budget in text", () => sRectangularL1(any("0.1")), /budget|array/],
    [
      "a discount without a value",
      () => valueIteration(model, { discount: any(bare) }),
      /valueIteration: discount/,
    ],
    [
      "a tolerance in text",
      () => valueIteration(model, { discount: 0.9, tolerance: any("1") }),
      /valueIteration: tolerance .* got "1"/,
    ],
    [
      "a failure that is a list",
      () => weissmanRadius(100, 5, any([0.05])),
      /weissmanRadius: .*\[0.05\]/,
    ],
    [
      "visits in text",
      () => trimmedCount(any("abc"), { numEpisodes: 2000, horizon: 5, failureProbability: 0.1 }),
      /trimmedCount: visits/,
    ],
    [
      "labels of cells that are a number",
      () => gridPicture([1], [0], { columns: 1, labels: any(1) }),
      /gridPicture: labels/,
    ],
    [
      "a label of a cell that is not there",
      () => gridPicture([1], [0], { columns: 1, labels: { 1: "goal" } }),
      /gridPicture: labels must name cells 0 to 0, got "1"/,
    ],
    [
      "more steps than can be written down",
      () => valueIteration(model, { horizon: 2 ** 53 - 1 }),
      /valueIteration: horizon .* below 2³¹/,
    ],
    [
      "a mean over the worst share of nothing",
      () => worstCaseExpectation([0.5, 0.5], [0, 1], { ...cvar(0.5), radius: -0 }),
      /set: radius must lie in .* got -?0/,
    ],
    [
      "axes of rewards that are none",
      () => robustBellman({ ...model, rewardAxes: any([]) }, totalVariation(0), [0, 0, 0, 0, 0, 0]),
      /model.rewardAxes must be one of/,
    ],
    [
      "a budget below 0",
      () => robustBellman(model, { kind: "sRectangularL1", radius: -1 }, [0, 0, 0, 0, 0, 0]),
      /robustBellman: set/,
    ],
    [
      "a signal that is none",
      () => valueIteration(model, { discount: 0.9, signal: any({}) }),
      /valueIteration: signal/,
    ],
    [
      "a signal that is none, for offline data",
      () => drop(offline, linear.features, { radius: 0.1, signal: any(7) }),
      /drop: signal/,
    ],
    [
      "a signal that is none, for two data sets",
      () => dropV(offline, offline, linear.features, { radius: 0.1, signal: any(7) }),
      /dropV: signal/,
    ],
    [
      "a tolerance that is a symbol",
      () =>
        certifyOffline(drop(offline, linear.features, { radius: 0.1 }), linear, 0.1, {
          tolerance: any(Symbol("t")),
        }),
      /certifyOffline: tolerance/,
    ],
    [
      "pessimism that is an object",
      () => drop(offline, linear.features, { radius: 0.1, pessimism: any(bare) }),
      /drop: pessimism/,
    ],
    [
      "progress told to a word",
      () => drNvi(commonsGame(0.1), 0.1, { onProgress: any("x") }),
      /drNvi: onProgress/,
    ],
    [
      "a method that nobody knows",
      () => bimatrixNash([[1]], [[1]], { method: any("guess") }),
      /bimatrixNash: method/,
    ],
    [
      "a method that nobody knows, for stages",
      () => drNvi(commonsGame(0.1), 0.1, { solutionConcept: "nash", method: any("guess") }),
      /drNvi: method/,
    ],
    [
      "a set that is none, from the caller's function",
      () => drNvi(commonsGame(0.1), 0.1, { set: any(() => 1) }),
      /drNvi: set/,
    ],
    [
      "sweeps without end",
      () =>
        robustModifiedPolicyIteration(model, totalVariation(0), {
          discount: 0.9,
          evaluationSweeps: Infinity,
        }),
      /evaluationSweeps/,
    ],
    [
      "a tolerance that is an array",
      () => evaluatePolicy(model, still, { discount: 0.9, tolerance: any([0]) }),
      /tolerance must be positive/,
    ],
    [
      "more steps than can be stored",
      () => evaluatePolicy(model, still, { horizon: 1e9 }),
      /horizon 1000000000 is too long/,
    ],
    [
      "a discount that is a big integer",
      () => worstCaseKernel(model, totalVariation(0.1), still, { discount: any(1n) }),
      /worstCaseKernel: discount/,
    ],
    [
      "a maxEquilibria that cannot be compared",
      () => nashEquilibria([[[1]], [[1]]], { maxEquilibria: any(detached()) }),
      /maxEquilibria must be ≥ 1, got/,
    ],
    [
      "a game with a symbol for its states",
      () => drNvi(any({ numStates: Symbol("n"), actions: [2, 2], horizon: 2 }), [0, 0]),
      /drNvi: game/,
    ],
  ];
  it.each(calls)("%s", (_, call, says) => expectRefusal(call, says));
});

describe("a radius of -0", () => {
  it("is a radius of 0", () => {
    const model = riverSwim();
    const values = Array.from({ length: model.numStates }, (_, s) => s);
    const [minus, plus] = [-0, 0].map(
      (radius) => robustBellman(model, chiSquare(radius), values).q.data,
    );
    expect(minus).toEqual(plus);
    expect(minus!.some(Number.isNaN)).toBe(false);
  });
});
