import { describe, expect, it } from "vitest";
import { array } from "@provably/core-tensor";
import * as baselines from "../src/baselines/index.js";
import * as root from "../src/index.js";
import { flat } from "./fixtures.js";

const vpo = { ...root, ...baselines };

type Fields = Readonly<Record<string, unknown>>;
type Loss = (batch: Fields, options?: Fields) => root.LossResult;
interface Entry {
  /** Every field that the loss reads, with another value for each. */
  readonly batch: Readonly<Record<string, readonly [unknown, unknown]>>;
  /** Every option that the loss knows, with another value for each. */
  readonly options: Readonly<Record<string, readonly [unknown, unknown]>>;
  /** Options under which an option, or field, has its effect. */
  readonly given?: Readonly<Record<string, Fields>>;
}

const log2 = [-1, -2.5];
const pairs = {
  chosen: [log2, [-1, -2]],
  rejected: [[-2, -1.5], [-2, -3]],
  weights: [[1, 3], [1, 1]],
  preferences: [[0.9, 0.8], [0.9, 1]],
  margins: [[0.2, 0], [0.1, 0.3]],
} as const; // prettier-ignore
const referenced = {
  ...pairs,
  refChosen: [[-1.4, -2], [-1, -2]],
  refRejected: [[-1.8, -2.2], [-2, -2]],
} as const; // prettier-ignore
const lengths = { chosenLengths: [[2, 3], [1, 3]], rejectedLengths: [[3, 2], [3, 1]] } as const; // prettier-ignore
const single = { withGradients: [true, false], allowPositive: [true, false] } as const;
const common = { ...single, convention: ["paper", "trl"] } as const;
const beta = { ...common, beta: [0.7, 0.4] } as const;
const reference = { ...beta, referenceFree: [false, true] } as const;
const smoothing = { labelSmoothing: [0.1, 0.3] } as const;
// the wrong size is refused: storage changes no number
const donate = { donate: [undefined, root.dpoLoss({ chosen: [-1], rejected: [-1] }, { referenceFree: true })] } as const; // prettier-ignore
const samples = { calibration: "samples", samples: [[-2], [-3]], refSamples: [[-2], [-2]] };

const losses: Record<string, Entry> = {
  vpoLoss: {
    batch: referenced,
    options: {
      ...reference,
      ...smoothing,
      alpha: [0.4, 0.9],
      attitude: ["pessimistic", "optimistic"],
      calibration: ["chosen", "rejected"],
      samples: [samples.samples, [[-1], [-3]]],
      refSamples: [samples.refSamples, [[-1], [-1]]],
      ...donate,
    },
    given: { samples, refSamples: samples },
  },
  dpoLoss: { batch: referenced, options: { ...reference, ...smoothing, ...donate } },
  robustDpoLoss: { batch: referenced, options: { ...reference, ...smoothing } },
  exoPairLoss: { batch: referenced, options: { ...reference, ...smoothing } },
  ipoLoss: {
    batch: { ...referenced, ...lengths },
    options: { ...reference, normalise: ["average", "sum"] },
  },
  hingeLoss: { batch: referenced, options: reference },
  discopopLoss: { batch: referenced, options: { ...reference, tau: [0.5, 1] } },
  bcoPairLoss: { batch: referenced, options: reference },
  ncaPairLoss: { batch: referenced, options: reference },
  sppoHardLoss: { batch: referenced, options: reference },
  apoZeroLoss: { batch: referenced, options: reference },
  apoDownLoss: { batch: referenced, options: reference },
  dpopLoss: { batch: referenced, options: { ...reference, lambda: [5, 1] } },
  xpoLoss: {
    batch: referenced,
    options: { ...reference, alpha: [0.3, 0.6], refSample: [[-2, -3], [-1, -3]] }, // prettier-ignore
  },
  selmLoss: {
    batch: referenced,
    options: { ...reference, alpha: [0.3, 0.6], sample: [[-2, -3], [-1, -3]], refSample: [[-2, -2], [-1, -1]] }, // prettier-ignore
  },
  rpoLoss: {
    batch: { ...referenced, chosenLengths: lengths.chosenLengths },
    options: { ...reference, sftWeight: [1, 2] },
  },
  slicLoss: {
    batch: pairs,
    options: { ...common, delta: [3, 4], regWeight: [0.5, 1], regularised: [[-1, -2], [-3, -2]] }, // prettier-ignore
  },
  simpoLoss: {
    batch: { ...pairs, ...lengths },
    options: { ...beta, ...smoothing, gamma: [1, 0.5] },
  },
  cpoLoss: {
    batch: { ...pairs, chosenLengths: lengths.chosenLengths },
    options: { ...beta, ...smoothing, nllWeight: [1, 0.5] },
  },
  orpoLoss: { batch: { ...pairs, ...lengths }, options: { ...common, lambda: [0.1, 0.3] } },
  ktoLoss: {
    batch: {
      policy: [log2, [-1, -2]],
      reference: [[-1.4, -2], [-1, -2]],
      desirable: [[true, false], [true, true]],
    }, // prettier-ignore
    options: {
      ...single,
      beta: beta.beta,
      desirableWeight: [1, 2],
      undesirableWeight: [1, 2],
      klEstimate: [0, 0.5],
      mismatched: [[0.1], [0.4]],
    },
  },
};

losses["bcoLoss"] = {
  batch: losses["ktoLoss"]!.batch,
  options: {
    ...single,
    beta: beta.beta,
    shift: [
      { mean: 0.2, count: 4 },
      { mean: 0.6, count: 9 },
    ],
    delta: [0.1, 0.4],
  },
};

/** Names that people bring from other losses and libraries. */
const STRANGERS = [
  "label_smoothing", "referenceChosenLogps", "ref_chosen_logps", "policy_chosen_logps", "margin", "soft_labels", "sign", "lr", "clip", "lambda_", "weight", "ties", "average_log_prob",
]; // prettier-ignore

const run = (name: string, batch: Fields, options: Fields): root.LossResult =>
  (vpo as unknown as Record<string, Loss>)[name]!(batch, options);
const first = (x: Readonly<Record<string, readonly [unknown, unknown]>>): Fields =>
  Object.fromEntries(Object.entries(x).map(([name, [value]]) => [name, value]));
const without = (x: Fields, names: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(x).filter(([name]) => !names.includes(name)));

/** Options that cannot be given together with others are left out unless it is their turn. */
const ALONE = ["donate", "samples", "refSamples", "mismatched", "referenceFree", "shift", "delta"];
const baseOptions = ({ options, given }: Entry, name?: string): Fields => ({
  ...without(
    first(options),
    ALONE.filter((other) => other !== name),
  ),
  ...(name !== undefined && given?.[name]),
});
const meaning = ({ loss, gradient, warnings }: root.LossResult) =>
  JSON.stringify([loss, Object.keys(gradient).length > 0, warnings.length]);

/** The names that a refusal lists. */
function knownTo(call: () => unknown): string[] {
  try {
    call();
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_/) as string });
    return /known: (.*)$/.exec((error as Error).message)![1]!.split(", ");
  }
  return expect.fail("a stranger was taken");
}

const allNames = [
  ...new Set(Object.values(losses).flatMap(({ batch, options }) => [...Object.keys(batch), ...Object.keys(options)])),
  ...STRANGERS,
]; // prettier-ignore

describe("every loss", () => {
  it("is in this table", () => {
    const exported = Object.keys(vpo).filter((name) => /^[a-z]\w*Loss$/.test(name));
    // losses of scores, which are no losses of a policy
    const others = ["bradleyTerryLoss", "plackettLuceLoss"];
    // those by TRL's conventions take tokens
    const here = exported.filter((name) => !others.includes(name) && !name.startsWith("trl"));
    expect(here.sort()).toEqual(Object.keys(losses).sort());
  });

  it.each(Object.keys(vpo).filter((name) => /^trl\w+Loss$/.test(name)))(
    "%s refuses a field and an option that it does not know by name",
    (name) => {
      const tokens = { chosen: [[-1]], rejected: [[-2]], chosenMask: [[1]], rejectedMask: [[1]] };
      const references = { refChosen: [[-1]], refRejected: [[-1]] };
      const batch = /Dpo|Xpo/.test(name) ? { ...tokens, ...references } : tokens;
      const whole = name === "trlXpoLoss" ? { ...batch, sample: [0] } : batch;
      expect(() => run(name, { ...whole, weights: [1] }, {})).toThrow(
        new RegExp(`^${name}: .*weights`),
      );
      expect(() => run(name, whole, { lambda_: 1 })).toThrow(new RegExp(`^${name}: .*lambda_`));
    },
  );

  it.each(Object.entries(losses))("%s reads every field of its batch", (name, entry) => {
    const batch = first(entry.batch);
    const stranger = { ...batch, stranger: 1 };
    expect(knownTo(() => run(name, stranger, baseOptions(entry))).sort()).toEqual(
      Object.keys(entry.batch).sort(),
    );
    for (const [field, [, other]] of Object.entries(entry.batch)) {
      // lengths of chosen responses are read by cpoLoss in TRL's convention, which has no weights
      const pooled = name === "cpoLoss" && field === "chosenLengths";
      const out = pooled ? ["weights", "preferences"] : name === "cpoLoss" ? ["chosenLengths"] : [];
      const of = (x: Fields) => meaning(run(name, without(x, out), { ...baseOptions(entry), ...(pooled && { convention: "trl" }) })); // prettier-ignore
      expect(of({ ...batch, [field]: other }), field).not.toBe(of(batch));
    }
  });

  it.each(Object.entries(losses))("%s heeds every option that it knows", (name, entry) => {
    const batch = first(entry.batch);
    const known = knownTo(() => run(name, batch, { ...baseOptions(entry), stranger: 1 }));
    expect(known.sort()).toEqual(Object.keys(entry.options).sort());
    for (const [option, [one, other]] of Object.entries(entry.options)) {
      const options = baseOptions(entry, option);
      // an option that stands in for another, and one that takes the references away
      const rest = option === "mismatched" ? without(options, ["klEstimate"]) : options;
      const free = without(batch, ["refChosen", "refRejected"]);
      const positive = Object.fromEntries(
        Object.entries(batch).map(([k, v]) => [
          k,
          k === "chosen" || k === "policy" ? [0.5, -1] : v,
        ]),
      );
      const at = (value: unknown): string => {
        const whole = option === "allowPositive" && name !== "orpoLoss" ? positive : batch;
        const wanted = option === "referenceFree" && value === true ? free : whole;
        const given =
          name === "cpoLoss" && option !== "convention"
            ? without(wanted, ["chosenLengths"])
            : wanted;
        try {
          return meaning(run(name, given, { ...rest, [option]: value }));
        } catch (error) {
          // what is donated must fit, and a convention may have no form for what the batch holds
          if (option !== "convention" && option !== "donate") throw error;
          return (error as Error).message;
        }
      };
      if (option === "allowPositive" && name === "orpoLoss") continue; // it refuses averages above 0
      expect(at(one), option).not.toBe(at(other));
    }
  });

  it.each(Object.entries(losses))(
    "%s refuses every other field and option by name",
    (name, entry) => {
      const batch = without(first(entry.batch), name === "cpoLoss" ? ["chosenLengths"] : []);
      const refusal = (word: string) => new RegExp(`^${name}: .*"?${word}"?`);
      for (const stranger of allNames) {
        if (!(stranger in entry.batch))
        expect(() => run(name, { ...batch, [stranger]: [1, 1] }, baseOptions(entry)), stranger).toThrow(refusal(stranger)); // prettier-ignore
        if (!(stranger in entry.options))
        expect(() => run(name, batch, { ...baseOptions(entry), [stranger]: 0.1 }), stranger).toThrow(refusal(stranger)); // prettier-ignore
      }
    },
  );

  it.each(Object.entries(losses).filter(([, { batch }]) => "refChosen" in batch))(
    "%s without references is refused unless it is said that there are none",
    (name, entry) => {
      const batch = first(entry.batch);
      const free = without(batch, ["refChosen", "refRejected"]);
      const refusal = new RegExp(`^${name}: batch.refChosen must be given.*referenceFree`);
      expect(() => run(name, free, baseOptions(entry))).toThrow(refusal);
      const options = { ...baseOptions(entry), referenceFree: true };
      expect(() => run(name, batch, options)).toThrow(/refChosen must be left out/);
      const zeros = { ...batch, refChosen: [0, 0], refRejected: [0, 0] };
      const alone = run(name, free, options);
      expect(alone.loss).toBe(run(name, zeros, baseOptions(entry)).loss);
      expect(Object.keys(alone.gradient)).not.toContain("refChosen");
    },
  );
});

describe("labels of ktoLoss", () => {
  const batch = { policy: [-1, -1], reference: [-1, -2] };
  it("are true and false, or 1 and 0, in lists and arrays, and nothing else", () => {
    const want = vpo.ktoLoss({ ...batch, desirable: [true, false] }).loss;
    expect(vpo.ktoLoss({ ...batch, desirable: [1, 0] }).loss).toBe(want);
    expect(vpo.ktoLoss({ ...batch, desirable: array([true, false]) }).loss).toBe(want);
    for (const bad of [-1, 2, 0.5, NaN, "yes", null])
      expect(() => vpo.ktoLoss({ ...batch, desirable: [1, bad] as never })).toThrow(/ktoLoss: desirable/); // prettier-ignore
  });
});

it("the gradient of a weighted loss has that of its weights", () => {
  const batch = { chosen: [-1, -2], rejected: [-2, -1], weights: [1, 3] };
  const of = (weights: number[]) => vpo.cpoLoss({ ...batch, weights });
  flat(of([1, 3]).gradient["weights"]!).forEach((g, i) => {
    const at = (h: number) => of([1, 3].map((w, k) => w + (k === i ? h : 0))).loss;
    expect(Math.abs(g - (at(1e-5) - at(-1e-5)) / 2e-5)).toBeLessThan(1e-9);
  });
});

describe("donated storage", () => {
  const of = (n: number) => ({ chosen: Array.from({ length: n }, (_, i) => -1 - (i % 7)), rejected: Array.from({ length: n }, (_, i) => -2 - (i % 5)), refChosen: new Array<number>(n).fill(-1), refRejected: new Array<number>(n).fill(-2) }); // prettier-ignore
  const options = { alpha: 0.3, attitude: "pessimistic", beta: 0.4 } as const;

  it("is used again, and changes no bit of the result", () => {
    const fresh = vpo.vpoLoss(of(5000), options);
    const earlier = vpo.vpoLoss(of(5000), { ...options, beta: 2 });
    const again = vpo.vpoLoss(of(5000), { ...options, donate: earlier });
    expect(again.losses.data.buffer).toBe(earlier.losses.data.buffer);
    expect(again.gradient["refRejected"]!.data.buffer).toBe(
      earlier.gradient["refRejected"]!.data.buffer,
    );
    expect([again.loss, flat(again.losses), flat(again.gradient["chosen"]!), flat(again.gradient["refRejected"]!)]).toEqual([fresh.loss, flat(fresh.losses), flat(fresh.gradient["chosen"]!), flat(fresh.gradient["refRejected"]!)]); // prettier-ignore
  });

  it("of another size, of other fields, or of the batch itself is refused", () => {
    const earlier = vpo.vpoLoss(of(3), options);
    expect(() => vpo.vpoLoss(of(4), { ...options, donate: earlier })).toThrow(/^vpoLoss: donate must be an earlier result of 4 pairs/); // prettier-ignore
    expect(() => vpo.dpoLoss(of(3), { donate: vpo.dpoLoss(of(3), { withGradients: false }) })).toThrow(/^dpoLoss: donate must be/); // prettier-ignore
    expect(() => vpo.dpoLoss({ ...of(3), chosen: earlier.losses }, { donate: earlier, allowPositive: true })).toThrow(/must not share its storage/); // prettier-ignore
    expect(() => vpo.dpoLoss(of(3), { donate: {} as never })).toThrow(/^dpoLoss: donate/);
  });

  it("does not keep log-probabilities that are not finite from being named", () => {
    for (const bad of [NaN, -Infinity, Infinity])
      expect(() => vpo.dpoLoss({ ...of(3), rejected: [-1, bad, -1] })).toThrow(/^dpoLoss: rejected must be finite, got .* at flat index 1/); // prettier-ignore
  });
});
