import { array, grad, item } from "@provably/core-tensor";
import { describe, expect, it } from "vitest";
import * as baselines from "../src/baselines/index.js";
import {
  type LossResult,
  bradleyTerryLoss,
  differentiable,
  dpoLoss,
  vpoLoss,
} from "../src/index.js";
import { expectNear, flat } from "./fixtures.js";

type Fields = Readonly<Record<string, unknown>>;
type Loss = (batch: never, options?: object) => LossResult;

const chosen = [-1.5, -2.5, -3, -2];
const rejected = [-2, -1.5, -4, -3.5];
const pairs: Fields = { chosen, rejected };
const references = { refChosen: [-1.8, -2, -3.5, -1], refRejected: [-1.8, -2.2, -3, -3] };
const lengths = { chosenLengths: [2, 3, 1, 4], rejectedLengths: [3, 2, 2, 1] };
const vpo = (calibration: string): Loss => (batch, options) =>
  vpoLoss(batch, { alpha: 0.3, attitude: "pessimistic", calibration, ...options } as never); // prettier-ignore

/** Every loss of pairs, with the batch that it reads. */
const losses: Readonly<Record<string, readonly [Loss, Fields]>> = {
  dpoLoss: [dpoLoss, references],
  vpoLoss: [vpo("chosen"), references],
  "vpoLoss on both": [vpo("both"), references],
  ...Object.fromEntries(
    (["robustDpoLoss", "exoPairLoss", "hingeLoss", "discopopLoss", "bcoPairLoss", "ncaPairLoss", "sppoHardLoss", "apoZeroLoss", "apoDownLoss", "dpopLoss"] as const).map((name) => [name, [baselines[name] as Loss, references]]),
  ), // prettier-ignore
  ipoLoss: [baselines.ipoLoss, { ...references, ...lengths }],
  rpoLoss: [baselines.rpoLoss, references],
  xpoLoss: [((b, o) => baselines.xpoLoss(b, { refSample: [-1, -2, -3, -1], alpha: 0.2, ...o })), references], // prettier-ignore
  selmLoss: [((b, o) => baselines.selmLoss(b, { sample: [-1, -2, -3, -1], refSample: [-2, -1, -2, -2], ...o })), references], // prettier-ignore
  slicLoss: [((b, o) => baselines.slicLoss(b, { delta: 3, ...o })), {}], // prettier-ignore
  simpoLoss: [baselines.simpoLoss, lengths],
  cpoLoss: [baselines.cpoLoss, {}],
  orpoLoss: [baselines.orpoLoss, lengths],
};
const SWAP: Readonly<Record<string, string>> = { chosen: "rejected", refChosen: "refRejected", chosenLengths: "rejectedLengths" }; // prettier-ignore
const swapped = (batch: Fields): Fields => {
  const names = { ...SWAP, ...Object.fromEntries(Object.entries(SWAP).map(([a, b]) => [b, a])) };
  return Object.fromEntries(Object.entries(batch).map(([name, x]) => [names[name] ?? name, x]));
};
const preferences = [1, 0.5, 0, 0.8];

describe.each(Object.entries(losses))("soft labels of %s", (_, [loss, more]) => {
  const batch = { ...pairs, ...more };
  it("give the expectation over both orders, gradients included", () => {
    const [straight, turned] = [loss(batch as never), loss(swapped(batch) as never)];
    const soft = loss({ ...batch, preferences } as never);
    const mix = (a: ArrayLike<number>, b: ArrayLike<number>): number[] =>
      preferences.map((p, i) => p * a[i]! + (1 - p) * b[i]!);
    expectNear(soft.losses, mix(flat(straight.losses), flat(turned.losses)), 1e-13);
    for (const name of [
      "chosen",
      "rejected",
      ...("refChosen" in batch ? ["refChosen", "refRejected"] : []),
    ]) {
      // prettier-ignore
      const other = Object.keys(swapped({ [name]: 0 }))[0]!;
      expectNear(soft.gradient[name]!, mix(flat(straight.gradient[name]!), flat(turned.gradient[other]!)), 1e-13); // prettier-ignore
    }
    expect(loss({ ...batch, preferences: [1, 1, 1, 1] } as never).loss).toBeCloseTo(straight.loss, 14); // prettier-ignore
  });

  it("refuse what is no probability", () => {
    expect(() => loss({ ...batch, preferences: [1, 1.5, 0, 1] } as never)).toThrow(/preferences\[1\] must be in \[0, 1\], got 1.5/); // prettier-ignore
    expect(() => loss({ ...batch, preferences: [1, 0] } as never)).toThrow(/preferences must have shape \[4\]/); // prettier-ignore
  });

  it("and margins have the gradients of their losses, by differences", () => {
    const full: Fields = { ...batch, preferences, margins: [0.3, 0, -0.2, 0.15] };
    const at = (shift: number, name: string, i: number): number =>
      loss({ ...full, [name]: (full[name] as number[]).map((x, k) => x + (k === i ? shift : 0)) } as never).loss; // prettier-ignore
    const { gradient } = loss(full as never);
    for (const name of ["chosen", "rejected"])
      for (let i = 0; i < 4; i++)
        expect(Math.abs(gradient[name]!.get(i) - (at(1e-6, name, i) - at(-1e-6, name, i)) / 2e-6)).toBeLessThan(2e-8); // prettier-ignore
  });
});

describe("margins", () => {
  const batch = { ...pairs, ...references } as never as Parameters<typeof dpoLoss>[0];
  const margins = [0.4, 0, -0.1, 2];
  const z = chosen.map((a, i) => a - references.refChosen[i]! - (rejected[i]! - references.refRejected[i]!)); // prettier-ignore

  it("of DPO are subtracted from z, as the reward model's are from its difference", () => {
    const { losses: own } = dpoLoss({ ...batch, margins }, { beta: 0.5 });
    expectNear(own, z.map((x, i) => Math.log1p(Math.exp(-(0.5 * x - margins[i]!)))), 1e-13); // prettier-ignore
    const rewards = [chosen.map((a, i) => 0.5 * (a - references.refChosen[i]!)), rejected.map((b, i) => 0.5 * (b - references.refRejected[i]!))] as const; // prettier-ignore
    expectNear(own, bradleyTerryLoss(rewards[0], rewards[1], { margin: margins }).losses, 1e-13);
  });

  it("of a reward model are one number, or one for each pair", () => {
    const one = bradleyTerryLoss([1, 2], [0, 3], { margin: 0.5 });
    expect(bradleyTerryLoss([1, 2], [0, 3], { margin: [0.5, 0.5] })).toEqual(one);
    expect(() => bradleyTerryLoss([1, 2], [0, 3], { margin: [0.5] })).toThrow(/margin must have shape \[2\]/); // prettier-ignore
  });

  it("of losses of single rewards are split between the two", () => {
    const { losses: own } = baselines.bcoPairLoss({ ...batch, margins }, { beta: 0.5 });
    const half = (x: readonly number[], sign: number): number[] => x.map((v, i) => v + (sign * margins[i]!) / (2 * 0.5)); // prettier-ignore
    const shifted = { ...batch, chosen: half(chosen, -1), rejected: half(rejected, 1) };
    expectNear(own, baselines.bcoPairLoss(shifted, { beta: 0.5, allowPositive: true }).losses, 1e-13); // prettier-ignore
  });
});

it("ties and soft labels of a reward model make DPO its policy: the loss is least where z is the log-odds", () => {
  // one pair with label p: dL/dz = σ(z) − p
  const odds = Math.log(0.8 / 0.2);
  const at = (u: number): number => dpoLoss({ chosen: [u], rejected: [0], refChosen: [0], refRejected: [0], preferences: [0.8] }, { beta: 1, allowPositive: true }).gradient["chosen"]!.get(0); // prettier-ignore
  expect(at(odds)).toBeCloseTo(0, 14);
  const tie = dpoLoss({ chosen: [0], rejected: [0], refChosen: [0], refRejected: [0], preferences: [0.5] }); // prettier-ignore
  expect([tie.loss, tie.gradient["chosen"]!.get(0)]).toEqual([Math.LN2, 0]);
});

it("automatic differentiation goes through losses of soft labels and margins", () => {
  const rest = { rejected: array(rejected, { dtype: "float64" }), ...references, preferences, margins: [0.1, 0, 0, 0] }; // prettier-ignore
  const f = differentiable((batch: Parameters<typeof dpoLoss>[0]) => dpoLoss(batch, { beta: 0.3 }));
  const slope = grad((x: never) => f({ ...rest, chosen: x }))(array(chosen, { dtype: "float64" }) as never); // prettier-ignore
  expectNear(slope, dpoLoss({ ...rest, chosen }, { beta: 0.3 }).gradient["chosen"]!, 1e-15);
  expect(item(f({ ...rest, chosen }))).toBeGreaterThan(0);
});

describe('convention "trl"', () => {
  const trl = { convention: "trl" } as const;
  // two tokens a response at most: sums of what trl…Loss takes token by token
  const tokens = { chosen: [[-1, -0.5], [-2.5, 0], [-1, -2], [-0.5, -1.5]], rejected: [[-1, -1], [-1.5, 0], [-2, -2], [-3.5, 0]] }; // prettier-ignore
  const chosenMask = [[1, 1], [1, 0], [1, 1], [1, 1]]; // prettier-ignore
  const rejectedMask = [[1, 1], [1, 0], [1, 1], [1, 0]]; // prettier-ignore
  const counts = { chosenLengths: [2, 1, 2, 2] };
  const reference = { refChosen: [[-1, -0.8], [-2, 0], [-2, -1.5], [-0.5, -0.5]], refRejected: [[-1.8, 0], [-2.2, 0], [-1, -2], [-3, 0]] }; // prettier-ignore

  it("takes the likelihood of CPO and RPO over all chosen tokens together, as TRL does", () => {
    const ours = baselines.cpoLoss({ chosen, rejected, ...counts }, { nllWeight: 0.7, beta: 0.2, ...trl }); // prettier-ignore
    const theirs = baselines.trlCpoLoss({ ...tokens, chosenMask, rejectedMask }, { cpoAlpha: 0.7, beta: 0.2 }); // prettier-ignore
    expect(ours.loss).toBeCloseTo(item(theirs), 13);
    const rpo = baselines.rpoLoss({ chosen, rejected, ...references, ...counts }, { sftWeight: 0.3, ...trl }); // prettier-ignore
    const mixture = baselines.trlDpoLoss({ ...tokens, ...reference, chosenMask, rejectedMask }, { loss: [{ name: "sigmoid", weight: 1 }, { name: "sft", weight: 0.3 }] }); // prettier-ignore
    expect(rpo.loss).toBeCloseTo(item(mixture), 13);
  });

  it("does not normalise weights", () => {
    const weights = [1, 2, 0.5, 3];
    const { losses: each, loss } = baselines.hingeLoss({ ...(pairs as never as { chosen: number[]; rejected: number[] }), ...references, weights }, trl); // prettier-ignore
    expect(loss).toBeCloseTo(
      flat(each).reduce((sum, l, i) => sum + (weights[i]! * l) / 4, 0),
      14,
    );
    const of = (w: number[]): LossResult => dpoLoss({ chosen, rejected, ...references, weights: w }, trl); // prettier-ignore
    const slope = (of([1, 2 + 1e-5, 0.5, 3]).loss - of([1, 2 - 1e-5, 0.5, 3]).loss) / 2e-5;
    expect(of(weights).gradient["weights"]!.get(1)).toBeCloseTo(slope, 9);
  });

  it("refuses what TRL ignores, or has no form for", () => {
    const batch = { chosen, rejected, ...references };
    expect(() => dpoLoss(batch, { labelSmoothing: 0.1, ...trl })).toThrow(/TRL ignores labelSmoothing/); // prettier-ignore
    expect(() => baselines.ipoLoss(batch, trl)).toThrow(/averages over tokens/);
    expect(() => baselines.rpoLoss(batch, trl)).toThrow(/chosenLengths must be given/);
    expect(() => baselines.cpoLoss({ chosen, rejected, ...counts, preferences }, trl)).toThrow(/preferences must be left out/); // prettier-ignore
    expect(() => baselines.cpoLoss({ chosen, rejected, ...counts })).toThrow(/read with convention "trl" only/); // prettier-ignore
    expect(() => baselines.orpoLoss({ chosen, rejected, ...lengths }, trl)).toThrow(/trlOrpoLoss takes them/); // prettier-ignore
    expect(() => dpoLoss(batch, { convention: "torch" as never })).toThrow(/convention/);
  });
});
