import { array } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import {
  batches,
  bradleyTerryLoss,
  bradleyTerryOracle,
  bradleyTerryProbability,
  calibrateReward,
  certifyRewardCalibration,
  certifyPessimism,
  certifySuboptimality,
  differentiable,
  dpoLoss,
  fitRewardModel,
  flipLabels,
  mlpPolicy,
  vpoObjective,
  optimalValue,
  pairsFromRanking,
  parsePreferences,
  preferenceMetrics,
  readPreferences,
  responseMask,
  onlineVpo,
  scoreSequences,
  solveBoundedVpo,
  solveVpo,
  theoreticalAlpha,
  toUnpaired,
  trainVpo,
  trainPolicy,
  vpoLoss,
} from "@provably/rlhf-vpo";
import {
  cpoLoss,
  hingeLoss,
  ipoLoss,
  ktoLoss,
  robustDpoLoss,
  selmLoss,
  simpoLoss,
  slicLoss,
  xpoLoss,
} from "@provably/rlhf-vpo/baselines";
import { describe, expect, it } from "vitest";
import { expectRefusal } from "../../../scripts/testing/refusal.js";

/** What no type allows and JavaScript callers pass all the same. */
const any = (value: unknown): never => value as never;

const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
const plain = { chosen: [-1], rejected: [-2] };
const half = Math.log(0.5);
const problem = { data: [[0, 0, 1]], logReference: [[half, half]] };
const hyperparameters = { beta: 1, alpha: 0.1 };
const online = { beta: 1, alphaSum: 1, numSteps: 1 };
const oracle = bradleyTerryOracle([[1, 0]]);
const bare: unknown = Object.create(null);

describe("arguments of the wrong kind", () => {
  const calls: [string, () => unknown, RegExp][] = [
    ["no batch", () => dpoLoss(any(undefined)), /dpoLoss: batch .* got undefined/],
    [
      "a batch without rejected responses",
      () => hingeLoss(any({ chosen: [-1] })),
      /hingeLoss: batch.rejected must be given/,
    ],
    [
      "no batch for a loss without reference",
      () => cpoLoss(any(null)),
      /cpoLoss: batch .* got null/,
    ],
    ["no batch of single responses", () => ktoLoss(any(undefined)), /ktoLoss: batch/],
    ["options that are null", () => ipoLoss(pair, any(null)), /ipoLoss: options .* got null/],
    ["options that are missing", () => vpoLoss(pair, any(undefined)), /vpoLoss: options/],
    [
      "options that are missing for exploration",
      () => [xpoLoss, selmLoss].forEach((loss) => loss(pair, any(undefined))),
      /xpoLoss: options/,
    ],
    ["a temperature without a value", () => dpoLoss(pair, { beta: any(bare) }), /dpoLoss: beta/],
    ["a temperature in text", () => dpoLoss(pair, { beta: any("1") }), /dpoLoss: beta .* got "1"/],
    [
      "a big integer for a weight",
      () => cpoLoss(plain, { nllWeight: any(1n) }),
      /cpoLoss: nllWeight .* got 1n/,
    ],
    [
      "a symbol for a margin",
      () => slicLoss(plain, { delta: any(Symbol("d")) }),
      /slicLoss: delta .*Symbol\(d\)/,
    ],
    [
      "a margin in text",
      () => bradleyTerryLoss([1], [0], { margin: any("1") }),
      /bradleyTerryLoss: margin/,
    ],
    [
      "smoothing in text",
      () => robustDpoLoss(pair, { labelSmoothing: any("0.1") }),
      /robustDpoLoss: labelSmoothing/,
    ],
    [
      "a list for gamma",
      () => simpoLoss(any(plain), { gamma: any([1]) }),
      /simpoLoss: gamma .* got \[1\]/,
    ],
    ["a calibration that objects have of their own", () => vpoLoss(pair, { ...hyperparameters, attitude: "optimistic", calibration: any("constructor") }), /vpoLoss: calibration .*"constructor"/], // prettier-ignore
    ["a loss that is none", () => differentiable(any(1)), /differentiable: loss/],
    [
      "a loss that gives nothing",
      () => differentiable(any(() => undefined))({ chosen: [1] }),
      /differentiable: the loss/,
    ],
    [
      "rewards that are no numbers",
      () => bradleyTerryProbability(any([1]), 0),
      /bradleyTerryProbability: first/,
    ],
    ["an answer outside the table", () => oracle(0, 0, 7, 0.5), /bradleyTerryOracle: .* 7/],
    ["no problem", () => fitRewardModel(any(undefined)), /fitRewardModel: problem/],
    [
      "a tolerance in text",
      () => fitRewardModel(problem, { tolerance: any("0") }),
      /fitRewardModel: tolerance/,
    ],
    [
      "data of three axes, though empty",
      () => fitRewardModel({ ...problem, data: [[[]]] }),
      /fitRewardModel: data must have shape \[N, 3\].*got \[1, 1, 0\]/,
    ],
    ["no hyperparameters", () => solveVpo(problem, any(undefined)), /solveVpo: hyperparameters/],
    [
      "no hyperparameters to evaluate",
      () => vpoObjective(problem, [0, 0], any(null)),
      /vpoObjective: hyperparameters/,
    ],
    [
      "a weight of the value in text",
      () => solveBoundedVpo(problem, { beta: 1, signedAlpha: any("1"), bound: 1 }),
      /solveBoundedVpo: signedAlpha/,
    ],
    [
      "an unknown optimiser",
      () => trainVpo(problem, hyperparameters, { optimizer: any("sgd") }),
      /trainVpo: optimizer .* got "sgd"/,
    ],
    ["a state of another problem", () => trainVpo(problem, hyperparameters, { state: { theta: [0], first: [0], second: [0], step: 0 } }), /trainVpo: state.theta/], // prettier-ignore
    [
      "a state without moments",
      () => trainVpo(problem, hyperparameters, { state: any({ theta: [0, 0], step: 0 }) }),
      /trainVpo: state.first must be given/,
    ],
    [
      "progress to a number",
      () => trainVpo(problem, hyperparameters, { onProgress: any(1) }),
      /trainVpo: onProgress/,
    ],
    [
      "a signal that cannot stop",
      () => trainVpo(problem, hyperparameters, { signal: any({ aborted: true }) }),
      /trainVpo: signal/,
    ],
    ["no oracle", () => onlineVpo(key(0), problem, any(undefined), online), /onlineVpo: oracle/],
    ["no options", () => onlineVpo(key(0), problem, oracle, any(undefined)), /onlineVpo: options/],
    [
      "an unknown second response",
      () => onlineVpo(key(0), problem, oracle, { ...online, secondResponse: any("best") }),
      /secondResponse .* got "best"/,
    ],
    [
      "an unknown bound",
      () =>
        onlineVpo(key(0), problem, oracle, { ...online, bound: any({ kind: "ball", size: 1 }) }),
      /bound.kind .* got "ball"/,
    ],
    ["a run that goes on from pairs of another problem", () => onlineVpo(key(0), problem, oracle, { ...online, state: any({ data: [[0, 0, 9]], optimizer: {}, open: [], rounds: 0 }) }), /state.data\[0\]/], // prettier-ignore
    [
      "more iterations than can be written down",
      () => onlineVpo(key(0), problem, oracle, { ...online, numSteps: 2 ** 53 - 1 }),
      /numSteps must be an integer ≥ 0 and below 2³¹/,
    ],
    [
      "an unknown mode",
      () => theoreticalAlpha(any({ mode: "neither", pairs: 4 })),
      /theoreticalAlpha: options.mode/,
    ],
    [
      "layers that are no list",
      () => mlpPolicy([[[1], [0]]], key(0), { hidden: any({}) }),
      /mlpPolicy: hidden/,
    ],
    [
      "parameters that are no list",
      () => mlpPolicy([[[1], [0]]], key(0)).scores(any({})),
      /mlpPolicy: params/,
    ],
    [
      "a policy that scores nothing",
      () => trainPolicy(any({ init: [] }), problem, hyperparameters),
      /trainPolicy: policy.scores/,
    ],
    ["a policy whose scores are no array", () => trainPolicy({ init: array([1]), scores: any(() => 1) }, problem, hyperparameters), /trainPolicy: policy.scores/], // prettier-ignore
    [
      "no result to certify",
      () => certifyPessimism(problem, any(undefined), hyperparameters),
      /certifyPessimism: result/,
    ],
    [
      "no options to certify with",
      () => certifySuboptimality([[1, 0]], [[half, half]], [[half, half]], any(undefined)),
      /options/,
    ],
    [
      "a tolerance that is NaN",
      () => certifyRewardCalibration([[0, 0]], [[0.5, 0.5]], { tolerance: NaN }),
      /certifyRewardCalibration: tolerance/,
    ],
    [
      "no temperature of a value",
      () => optimalValue([[1, 1]], [[half, half]], any(undefined)),
      /optimalValue: options/,
    ],
    [
      "null options of a calibration",
      () => calibrateReward([[1, 0]], [[0.5, 0.5]], any(null)),
      /calibrateReward: options/,
    ],
    [
      "no options of metrics",
      () => preferenceMetrics([1], [0], any(undefined)),
      /preferenceMetrics: options/,
    ],
    [
      "responses that are no list",
      () => pairsFromRanking("q", any("ab")),
      /pairsFromRanking: responses/,
    ],
    ["records that are none", () => toUnpaired(any([undefined])), /toUnpaired: records\[0\]/],
    [
      "records that are numbers",
      () => flipLabels(key(0), any(new Float64Array(2)), 1),
      /flipLabels: records/,
    ],
    ["a symbol for a size", () => batches(key(0), [1, 2], any(Symbol("n"))), /batches: size/],
    ["lengths that are numbers", () => responseMask(any(1), any(2)), /responseMask: promptLengths/],
    [
      "a length without a value",
      () => responseMask([1], [any({ toString: 1, valueOf: null })]),
      /responseMask: row 0/,
    ],
    ["a width that is infinite", () => responseMask([1], [2], Infinity), /responseMask: length/],
    ["logits that are no array", () => scoreSequences([[0]], [[1]])(any("logits")), /logits/],
    [
      "a line number without a value",
      () => parsePreferences([], any(Symbol("line"))),
      /line Symbol/,
    ],
  ];
  it.each(calls)("%s", (_, call, says) => expectRefusal(call, says));

  it("a record that contains itself is no preference", () => {
    const self: unknown[] = [];
    self.push(self);
    expect(() => parsePreferences(self)).toThrow(/expected an object/);
  });
});

describe("readPreferences", () => {
  const read = async (source: unknown, options?: object): Promise<number> => {
    let records = 0;
    for await (const { record } of readPreferences(any(source), options))
      if (record.prompt === "q") records++;
    return records;
  };
  const line = '{"prompt": "q", "chosen": "a", "rejected": "b"}\n';

  it("takes a text as it takes chunks of it", async () => {
    expect(await read(line + line)).toBe(2);
    expect(await read([line, line])).toBe(2);
  });

  it("names what it cannot read", async () => {
    for (const source of [undefined, null, 1, Symbol("s"), {}, new Float64Array(2)])
      await expect(read(source)).rejects.toThrow(/readPreferences: source/);
    for (const chunk of [undefined, 1, {}, new Float64Array(2)])
      await expect(read([chunk])).rejects.toThrow(/readPreferences: chunks/);
    await expect(read(line, { maxLineBytes: "1" })).rejects.toThrow(/maxLineBytes/);
    await expect(read(line, { onError: 1 })).rejects.toThrow(/onError/);
    await expect(read(line, { signal: {} })).rejects.toThrow(/signal/);
  });
});
