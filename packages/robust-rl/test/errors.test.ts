import { chiSquare, drNvi, gridPicture, inventory, l1Ball, machineReplacement, riverSwim, robustBellman, sRectangularL1, totalVariation, trimmedCount, valueIteration, weissmanRadius, worstCaseExpectation } from "@provably/robust-rl"; // prettier-ignore
import { describe, expect, it } from "vitest";
import { expectRefusal } from "../../../scripts/testing/refusal.js";

/** What no type allows and JavaScript callers pass all the same. */
const any = (value: unknown): never => value as never;
const bare: unknown = Object.create(null);

describe("arguments of the wrong kind", () => {
  const model = riverSwim();
  const calls: [string, () => unknown, RegExp][] = [
    ["a length without a value", () => riverSwim(any(bare)), /riverSwim: length/],
    ["no wear states", () => machineReplacement(0), /machineReplacement: wearStates/],
    ["a capacity that is a big integer", () => inventory({ capacity: any(10n) }), /inventory: capacity .* got 10n/],
    ["a demand that holds symbols", () => inventory({ demand: any([Symbol("p")]) }), /inventory: demand/],
    ["a symbol for a radius", () => totalVariation(any(Symbol("r"))), /got Symbol\(r\)/],
    ["a radius in text", () => l1Ball(any("0.1")), /radius|array/],
    ["a budget in text", () => sRectangularL1(any("0.1")), /budget|array/],
    ["a discount without a value", () => valueIteration(model, { discount: any(bare) }), /ValueIteration: discount/],
    ["a tolerance in text", () => valueIteration(model, { discount: 0.9, tolerance: any("1") }), /ValueIteration: tolerance .* got "1"/],
    ["a failure that is a list", () => weissmanRadius(100, 5, any([0.05])), /weissmanRadius: .*\[0.05\]/],
    ["visits in text", () => trimmedCount(any("abc"), { episodes: 2000, horizon: 5, failure: 0.1 }), /trimmedCount: visits/],
    ["terminal states that are a number", () => gridPicture([1], [0], { columns: 1, terminal: any(1) }), /gridPicture: terminal/],
    ["more steps than can be written down", () => valueIteration(model, { horizon: 2 ** 53 - 1 }), /ValueIteration: horizon .* below 2³¹/],
    ["a mean over the worst share of nothing", () => worstCaseExpectation([0.5, 0.5], [0, 1], { kind: "cvar", radius: -0 }), /cvar.* radius > 0/],
    [
      "rewards on arrival that are not there",
      () => robustBellman({ ...model, rewardsOnArrival: any([]) }, totalVariation(0), [0, 0, 0, 0, 0, 0]),
      /mdp\(\)/,
    ],
    ["a budget below 0", () => robustBellman(model, { kind: "sRectangularL1", radius: -1 }, [0, 0, 0, 0, 0, 0]), /robustBellman: set/],
    ["a game with a symbol for its states", () => drNvi(any({ numStates: Symbol("n"), actions: [2, 2], horizon: 2 }), [0, 0]), /drNvi: game/],
  ];
  it.each(calls)("%s", (_, call, says) => expectRefusal(call, says));
});

describe("a radius of -0", () => {
  it("is a radius of 0", () => {
    const model = riverSwim();
    const values = Array.from({ length: model.numStates }, (_, s) => s);
    const [minus, plus] = [-0, 0].map((radius) => robustBellman(model, chiSquare(radius), values).q.data);
    expect(minus).toEqual(plus);
    expect(minus!.some(Number.isNaN)).toBe(false);
  });
});
