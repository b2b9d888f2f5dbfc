import { type NdArray, add, array, grad, item, mul, sub, sum, take } from "@provably/core-tensor";
import { describe, expect, it } from "vitest";
import {
  type TrlDivergence,
  type TrlDpoName,
  bcoLoss,
  ktoLoss,
  logCollision,
  trlCpoLoss,
  trlDpoLoss,
  trlOrpoLoss,
  trlXpoLoss,
} from "../src/baselines/index.js";
import { sequenceLogProbs } from "../src/index.js";
import { flat, load } from "./fixtures.js";

interface Batch {
  readonly logits: number[][][];
  readonly ids: number[][];
  readonly attentionMask: number[][];
  readonly completionMask: number[][];
  readonly tokenLogps: number[][];
  readonly refTokenLogps: number[][];
  readonly logps: number[];
  readonly refLogps: number[];
}
interface Case {
  readonly trainer: string;
  readonly name: string;
  readonly batch: number;
  readonly options: Readonly<Record<string, never>>;
  readonly loss: number;
  readonly gradTokenLogps: number[][];
  readonly labels?: number[];
  readonly klLogps?: number[];
  readonly klRefLogps?: number[];
  readonly deltaBefore?: number;
  readonly delta?: number;
  readonly runningCount?: number;
  readonly chosenMask?: boolean[];
}
/** Losses of TRL 1.13 in float64 on torch, with gradients by its automatic differentiation. */
const golden = load<{ B: number; batches: Batch[]; cases: Case[] }>("trl-losses");
const { B } = golden;
const f64 = (x: unknown): NdArray => array(x as number[], { dtype: "float64" });
const camel = (name: string): string => name.replaceAll(/_(\w)/g, (_, c: string) => c.toUpperCase()); // prettier-ignore
const rows = (x: NdArray, half: 0 | 1): NdArray => take(x, Array.from({ length: B }, (_, i) => half * B + i)); // prettier-ignore

const divergences: Readonly<Record<string, TrlDivergence>> = {
  forward_kl: "forwardKl",
  js_divergence: "jensenShannon",
};

/** The loss of a case as a function of the token log-probabilities of all rows. */
function lossOf(c: Case): (tokens: NdArray) => NdArray {
  const batch = golden.batches[c.batch]!;
  const mask = f64(batch.completionMask.map((row) => row.slice(1)));
  const [up, down] = [rows(mask, 0), rows(mask, 1)];
  const masks = { chosenMask: up, rejectedMask: down };
  const reference = f64(batch.refTokenLogps);
  const refs = { refChosen: rows(reference, 0), refRejected: rows(reference, 1) };
  const o: Readonly<Record<string, unknown>> = c.options;
  const beta = o["beta"] as number;
  if (c.trainer === "dpo") {
    const weights = o["loss_weights"] as number[];
    const loss = (o["loss_type"] as string[]).map((name, i) => ({ name: camel(name) as TrlDpoName, weight: weights[i]! })); // prettier-ignore
    const type = o["f_divergence_type"] as string | undefined;
    const divergence = type === "alpha_divergence" ? { alpha: o["f_alpha_divergence_coef"] as number } : (divergences[type ?? ""] ?? "reverseKl"); // prettier-ignore
    const wpo = o["use_weighting"] === true;
    const collision = wpo ? logCollision(f64(batch.logits.map((row) => row.slice(0, -1)))) : undefined; // prettier-ignore
    return (tokens) =>
      trlDpoLoss(
        {
          chosen: rows(tokens, 0),
          rejected: rows(tokens, 1),
          ...masks,
          ...refs,
          ...(collision && { chosenCollision: rows(collision, 0), rejectedCollision: rows(collision, 1) }), // prettier-ignore
        },
        {
          loss,
          beta,
          divergence,
          wpo,
          ldAlpha: (o["ld_alpha"] as number | undefined) ?? 1,
          labelSmoothing: (o["label_smoothing"] as number | undefined) ?? 0,
          discopopTau: (o["discopop_tau"] as number | undefined) ?? 0.05,
        },
      );
  }
  if (c.trainer === "cpo")
    return (tokens) =>
      trlCpoLoss(
        { chosen: rows(tokens, 0), rejected: rows(tokens, 1), ...masks },
        {
          loss: o["loss_type"] as "sigmoid",
          beta,
          cpoAlpha: o["cpo_alpha"] as number,
          gamma: o["simpo_gamma"] as number,
          labelSmoothing: o["label_smoothing"] as number,
          alphaPo: o["alpha"] as number,
        },
      );
  if (c.trainer === "orpo") {
    const nllMask = rows(f64(batch.attentionMask.map((row) => row.slice(1))), 0);
    return (tokens) => trlOrpoLoss({ chosen: rows(tokens, 0), rejected: rows(tokens, 1), ...masks, nllMask }, { beta }); // prettier-ignore
  }
  // rows 0..B−1 come from the policy, the others from the reference; the mask says whose won
  const won = c.chosenMask!;
  const winners = won.map((first, i) => (first ? i : B + i));
  const losers = won.map((first, i) => (first ? B + i : i));
  return (tokens) => {
    const at = (x: NdArray, index: number[]): NdArray => take(x, index);
    return trlXpoLoss(
      {
        chosen: at(tokens, winners),
        rejected: at(tokens, losers),
        refChosen: at(reference, winners),
        refRejected: at(reference, losers),
        chosenMask: at(mask, winners),
        rejectedMask: at(mask, losers),
        sample: sum(mul(rows(tokens, 1), rows(mask, 1)), { axis: 1 }),
      },
      { loss: o["loss_type"] as "sigmoid", beta, alpha: o["alpha"] as number },
    );
  };
}

/** All tokens' log-probabilities, those of the prompt included, for losses that read them. */
function tokensOf({ logits, ids, attentionMask }: Batch): NdArray {
  const { perToken } = sequenceLogProbs(f64(logits), ids, attentionMask);
  return perToken;
}

const near = (got: number, want: number): void =>
  expect(Math.abs(got - want)).toBeLessThanOrEqual(1e-10 * Math.abs(want) + 1e-12);
const named = (trainers: readonly string[]) =>
  golden.cases
    .map((c, i) => [i, `${c.trainer} ${c.name}`, c] as const)
    .filter(([, , { trainer }]) => trainers.includes(trainer));

describe("losses in TRL's conventions", () => {
  it.each(named(["dpo", "cpo", "orpo", "xpo"]))(
    "case %i, %s: loss and gradient are TRL's",
    (_, __, c) => {
      const batch = golden.batches[c.batch]!;
      const tokens = c.trainer === "orpo" ? tokensOf(batch) : f64(batch.tokenLogps);
      const loss = lossOf(c);
      near(item(loss(tokens)), c.loss);
      const gradient = flat(grad(loss)(tokens));
      c.gradTokenLogps.flat().forEach((want, i) => expect(Math.abs(gradient[i]! - want)).toBeLessThanOrEqual(1e-11)); // prettier-ignore
    },
  );

  it.each(named(["kto", "bco"]))("case %i, %s: of single responses", (_, __, c) => {
    const { logps, refLogps, completionMask } = golden.batches[c.batch]!;
    const desirable = c.labels ?? logps.map((_x, i) => (i < B ? 1 : 0));
    const batch = { policy: logps, reference: refLogps, desirable };
    const o: Readonly<Record<string, number | undefined>> = c.options;
    const run = () => {
      if (c.trainer === "kto") {
        const mismatched = c.klLogps?.map((p, i) => p - c.klRefLogps![i]!);
        return ktoLoss(batch, { beta: o["beta"]!, desirableWeight: o["desirable_weight"]!, undesirableWeight: o["undesirable_weight"]!, ...(mismatched && { mismatched }) }); // prettier-ignore
      }
      if (c.deltaBefore === undefined) return bcoLoss(batch, { beta: o["beta"]!, delta: c.delta! });
      const count = c.runningCount! - logps.length;
      const result = bcoLoss(batch, { beta: o["beta"]!, shift: { mean: c.deltaBefore, count } });
      near(result.delta, c.delta!);
      expect(result.shift.count).toBe(c.runningCount);
      return result;
    };
    const result = run();
    near(result.loss, c.loss);
    const slope = flat(result.gradient["policy"]!);
    c.gradTokenLogps.forEach((row, i) =>
      row.forEach((want, t) => {
        const got = completionMask[i]![t + 1] === 1 ? slope[i]! : 0;
        expect(Math.abs(got - want)).toBeLessThanOrEqual(1e-11);
      }),
    );
  });

  it("refuse what does not fit, by name", () => {
    const mask = [[1, 1]];
    const logps = [[-1, -2]];
    const batch = { chosen: logps, rejected: logps, refChosen: logps, refRejected: logps, chosenMask: mask, rejectedMask: mask }; // prettier-ignore
    expect(() => trlDpoLoss({ ...batch, chosenMask: [[1, 2]] })).toThrow(/chosenMask must be 0 or 1, got 2/); // prettier-ignore
    expect(() => trlDpoLoss({ ...batch, rejected: [[-1]] })).toThrow(/rejected must have shape \[1, 2\]/); // prettier-ignore
    expect(() => trlDpoLoss(batch, { loss: "dpo" as never })).toThrow(/loss\[0\]\.name/);
    expect(() => trlDpoLoss(batch, { wpo: true })).toThrow(/wpo needs chosenCollision/);
    expect(() => trlDpoLoss(batch, { loss: "exoPair" })).toThrow(/needs labelSmoothing above 0/);
    expect(() => trlDpoLoss(batch, { divergence: "forward_kl" as never })).toThrow(/divergence must be/); // prettier-ignore
    expect(() => trlCpoLoss(batch as never)).toThrow(/unknown field "refChosen"/);
    expect(() => trlXpoLoss({ ...batch, sample: [1, 2] })).toThrow(/sample must have shape \[1\]/);
    expect(() => bcoLoss({ policy: [-1], reference: [-1], desirable: [1] }, { delta: 0, shift: { mean: 0, count: 0 } })).toThrow(/shift or delta/); // prettier-ignore
    expect(item(add(sub(trlDpoLoss(batch), Math.LN2), 0))).toBeCloseTo(0, 14);
  });
});
