import fc from "fast-check";
import {
  type NdArray,
  add,
  array,
  item,
  matmul,
  mul,
  sub,
  sum,
  take,
  toNested,
  toTypedArray,
  tril,
  valueAndGrad,
  zeros,
} from "@provably/core-tensor";
import { cosineDecay, sgd, warmup } from "@provably/core-tensor/optim";
import { key, normal } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import { ipoLoss, rpoLoss, simpoLoss } from "../src/baselines/index.js";
import {
  type LossBatch,
  type SequenceModel,
  type TokenPair,
  type TrainPreferencesOptions,
  decodeCheckpoint,
  differentiable,
  dpoLoss,
  encodeCheckpoint,
  lora,
  padPairs,
  scorePairs,
  scoreSequences,
  sequenceLogProbs,
  solveVpo,
  tokenizePairs,
  trainPreferences,
  vpoLoss,
} from "../src/index.js";
import { expectNear, flat } from "./fixtures.js";

const V = 5;
const f64 = { dtype: "float64" } as const;

/** A model whose next token depends on the token before it. */
interface Bigram {
  readonly next: NdArray;
}
const bigram = (dtype: "float32" | "float64" = "float64"): SequenceModel<Bigram> => ({
  init: { next: normal(key("bigram"), [V, V], { dtype }) },
  logits: ({ next }, tokens) => take(next, tokens),
});

/** A model that averages the embeddings of all tokens so far, of those that are there. */
interface Bag {
  readonly embed: NdArray;
  readonly out: NdArray;
}
const bag: SequenceModel<Bag> = {
  init: { embed: normal(key("embed"), [V, 3], f64), out: normal(key("out"), [3, V], f64) },
  logits: ({ embed, out }, tokens, attention) => {
    const T = tokens.shape[1]!;
    const there = expand(attention);
    const before = tril(array(new Float64Array(T * T).fill(1), { shape: [T, T] }));
    const x = mul(take(embed, tokens), there);
    return matmul(matmul(before, x), out);
  },
};
function expand(x: NdArray): NdArray {
  return array(
    flat(x).flatMap((v) => [v, v, v]),
    { ...f64, shape: [...x.shape, 3] },
  );
}

const pairs: TokenPair[] = [
  { prompt: [0], chosen: [1, 2], rejected: [3] },
  { prompt: [0, 4], chosen: [2], rejected: [1, 1, 4] },
  { prompt: [1], chosen: [3, 4, 4], rejected: [2, 0] },
  { prompt: [2], chosen: [4], rejected: [4, 1] },
  { prompt: [3, 3], chosen: [0], rejected: [1] },
  { prompt: [4], chosen: [1, 1], rejected: [0, 2] },
];
const dpo: TrainPreferencesOptions<never>["loss"] = (batch) => dpoLoss(batch, { beta: 0.5 });
const bits = (tree: object): string => JSON.stringify(Object.values(tree).map((x) => flat(x as NdArray))); // prettier-ignore

describe("pairs of tokens", () => {
  it("are filled up on either side, chosen responses first", () => {
    const two = pairs.slice(0, 2);
    const right = padPairs(two, { padToken: 9 });
    expect(toNested(right.tokens)).toEqual([[0, 1, 2, 9, 9], [0, 4, 2, 9, 9], [0, 3, 9, 9, 9], [0, 4, 1, 1, 4]]); // prettier-ignore
    expect(toNested(right.mask)).toEqual([[0, 1, 1, 0, 0], [0, 0, 1, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 1, 1]]); // prettier-ignore
    const left = padPairs(two, { padding: "left", length: 6 });
    expect(toNested(left.tokens)).toEqual([[0, 0, 0, 0, 1, 2], [0, 0, 0, 0, 4, 2], [0, 0, 0, 0, 0, 3], [0, 0, 4, 1, 1, 4]]); // prettier-ignore
    expect(toNested(left.attention)).toEqual([[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1], [0, 1, 1, 1, 1, 1]]); // prettier-ignore
  });

  it("have the same log-probabilities however they are filled up and cut into batches", () => {
    const whole = scorePairs(bag, bag.init, pairs, { batchSize: 6 });
    for (const options of [
      { padding: "left", batchSize: 2 },
      { padding: "right", padToken: 3, batchSize: 1 },
    ] as const) {
      // prettier-ignore
      const other = scorePairs(bag, bag.init, pairs, options);
      expectNear(other.chosen, whole.chosen, 1e-13);
      expectNear(other.rejected, whole.rejected, 1e-13);
    }
    const { next } = bigram().init;
    const row = (t: number): number[] => flat(take(next, [t]));
    const logSoftmax = (t: number, v: number): number => row(t)[v]! - Math.log(row(t).reduce((s, x) => s + Math.exp(x), 0)); // prettier-ignore
    expect(scorePairs(bigram(), bigram().init, pairs).chosen.get(0)).toBeCloseTo(logSoftmax(0, 1) + logSoftmax(1, 2), 13); // prettier-ignore
    expect(flat(whole.rejectedLengths)).toEqual([1, 3, 2, 2, 1, 2]);
  });

  it("that cannot be scored are refused by their place", () => {
    expect(() => padPairs([])).toThrow(/at least one pair/);
    expect(() => padPairs([{ prompt: [], chosen: [1], rejected: [2] }])).toThrow(/pairs\[0\].prompt must have at least one token, such as the start/); // prettier-ignore
    expect(() => padPairs([{ prompt: [1], chosen: [1.5], rejected: [2] }])).toThrow(/chosen must hold token ids, got 1.5/); // prettier-ignore
    expect(() => padPairs([{ prompt: [1], chosen: [1], rejected: [2], refChosen: -1 }])).toThrow(/refChosen and refRejected, or neither/); // prettier-ignore
    expect(() => padPairs(pairs, { length: 3 })).toThrow(/length is 3, and .* 5 tokens/);
    expect(() => padPairs([{ prompt: [1], chosen: [1], rejected: [2], margins: 1 } as never])).toThrow(/margins/); // prettier-ignore
    const tall = { init: {}, logits: () => zeros([2, 2, 2]) };
    expect(() => scorePairs(tall, {}, [{ prompt: [1], chosen: [1, 2], rejected: [0] }])).toThrow(/model.logits must give shape \[2, 3, V\], got \[2, 2, 2\]/); // prettier-ignore
    const cold = { init: {}, logits: () => array([[[0, -Infinity], [0, 0]], [[0, 0], [0, 0]]]) }; // prettier-ignore
    expect(() => scorePairs(cold, {}, [{ prompt: [0], chosen: [1], rejected: [0] }])).toThrow(/chosen response 0 of a batch is -Infinity/); // prettier-ignore
  });
});

describe("texts as tokens", () => {
  // letters, and the pair "ab" as one token
  const encode = (text: string): number[] => Array.from(text.replaceAll("ab", "\u00ff"), (c) => c.charCodeAt(0)); // prettier-ignore

  it("keep the boundary: apart it is exact, together a token across it counts to the response", () => {
    const record = { prompt: "xa", chosen: "bc", rejected: "d" };
    expect(tokenizePairs([record], encode).pairs[0]).toEqual({ prompt: [120, 97], chosen: [98, 99], rejected: [100] }); // prettier-ignore
    const joint = tokenizePairs([record], encode, { boundary: "joint" });
    expect(joint.pairs[0]).toEqual({ prompt: [120], chosen: [255, 99], rejected: [97, 100] });
    expect(joint.joined).toEqual([0]);
  });

  it("write conversations by the template, and refuse one that rewrites the prompt", () => {
    const chat = { prompt: [{ role: "user", content: "q" }], chosen: [{ role: "assistant", content: "a" }], rejected: [{ role: "assistant", content: "b" }] }; // prettier-ignore
    const template = (messages: readonly { role: string; content: unknown }[], { addGenerationPrompt }: { addGenerationPrompt: boolean }): string => messages.map(({ role, content }) => `<${role[0]}>${String(content)}`).join("") + (addGenerationPrompt ? "<a>" : ""); // prettier-ignore
    const [pair] = tokenizePairs([chat], encode, { template, endToken: 2 }).pairs;
    expect([pair!.prompt, pair!.chosen, pair!.rejected].map((ids) => String.fromCharCode(...ids))).toEqual(["<u>q<a>", "a\u0002", "b\u0002"]); // prettier-ignore
    expect(() => tokenizePairs([chat], encode)).toThrow(/records\[0\] holds messages: options.template/); // prettier-ignore
    const rewriting = (m: readonly unknown[]): string => `${m.length} turns`;
    expect(() => tokenizePairs([chat], encode, { template: rewriting })).toThrow(/does not begin with the prompt alone/); // prettier-ignore
  });

  it("are cut where asked, and every cut and every pair left out is named", () => {
    const records = [
      { prompt: "pqrst", chosen: "cd", rejected: "defg" },
      { prompt: "p", chosen: "cde", rejected: "cdf" },
      { prompt: "p", first: "u", second: "v", preference: 0.5 as const, weight: 2 },
      { prompt: "p", chosen: "", rejected: "v" },
    ];
    const { pairs: got, cutPrompts, cutResponses, dropped } = tokenizePairs(records, encode, { startTokens: [1], maxPromptLength: 3, maxLength: 5 }); // prettier-ignore
    expect(got[0]).toEqual({ prompt: [1, 115, 116], chosen: [99, 100], rejected: [100, 101] });
    expect([cutPrompts, cutResponses]).toEqual([[0], [0]]);
    expect(got[2]).toEqual({ prompt: [1, 112], chosen: [117], rejected: [118], preference: 0.5, weight: 2 }); // prettier-ignore
    expect(dropped).toEqual([{ index: 3, reason: "response without tokens" }]);
    const short = { maxLength: 3 };
    expect(tokenizePairs([records[1]!], encode, short).dropped).toEqual([{ index: 0, reason: "responses of the same tokens" }]); // prettier-ignore
    expect(tokenizePairs([records[1]!], encode, { ...short, tooLong: "drop" }).dropped[0]!.reason).toBe("too long"); // prettier-ignore
    expect(() => tokenizePairs([records[1]!], encode, { ...short, tooLong: "throw" })).toThrow(/records\[0\] has 1 tokens of prompt and 3 and 3 of response/); // prettier-ignore
    const cached = { prompt: "pq", chosen: "cde", rejected: "d", refChosen: -1, refRejected: -2 };
    expect(tokenizePairs([cached], encode).pairs[0]!.refRejected).toBe(-2);
    expect(() => tokenizePairs([cached], encode, { maxLength: 4 })).toThrow(/was cut, and its cached refChosen/); // prettier-ignore
    expect(() => tokenizePairs([{ prompt: "p", completion: "x" } as never], encode)).toThrow(/records\[0\].chosen must be given/); // prettier-ignore
    expect(() => tokenizePairs([cached], () => "ids" as never)).toThrow(/what encode gives/);
  });
});

describe("low-rank adapters", () => {
  const params = { layers: [{ w: normal(key(1), [4, 6]), bias: normal(key(2), [6]) }], out: normal(key(3), [6, 3], f64) }; // prettier-ignore

  it("change nothing at first, and then the chosen matrices by their product", () => {
    const low = lora(params, { rank: 2, scale: 0.5 });
    expect(low.targets).toEqual(["layers.0.w", "out"]);
    const start = low.init(key(0));
    expect(bits(low.apply(params, start).layers[0]!)).toBe(bits(params.layers[0]!));
    const adapters = { ...start, out: { down: normal(key(4), [6, 2], f64), up: normal(key(5), [2, 3], f64) } }; // prettier-ignore
    expectNear(low.apply(params, adapters).out, add(params.out, mul(0.5, matmul(adapters.out.down, adapters.out.up))), 1e-15); // prettier-ignore
    expect(lora(params, { rank: 1, targets: (path) => path.startsWith("layers") && path.endsWith("w") }).targets).toEqual(["layers.0.w"]); // prettier-ignore
  });

  it("merged and unmerged give back every bit, whatever the sizes of numbers", () => {
    const numbers = fc.array(fc.tuple(fc.double({ min: -1, max: 1, noNaN: true }), fc.integer({ min: -20, max: 20 })).map(([m, e]) => m * 2 ** e), { minLength: 12, maxLength: 12 }); // prettier-ignore
    fc.assert(
      fc.property(
        numbers,
        numbers,
        fc.constantFrom("float32" as const, "float64" as const),
        (w, change, dtype) => {
          // prettier-ignore
          const tree = { w: array(w, { shape: [3, 4], dtype }) };
          const low = lora(tree, { rank: 1 });
          const adapters = { w: { down: array(change.slice(0, 3), { shape: [3, 1], dtype }), up: array(change.slice(3, 7), { shape: [1, 4], dtype }) } }; // prettier-ignore
          const merged = low.merge(tree, adapters);
          const back = toTypedArray(low.unmerge(merged, adapters).w);
          expect(Array.from(back)).toEqual(Array.from(toTypedArray(tree.w), (x) => x + 0));
          expectNear(merged.params.w, low.apply(tree, adapters).w, 1e-12);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("are trained alone, and the merged parameters are the model that was trained", () => {
    const model = bigram();
    const low = lora(model.init, { rank: 1 });
    const adapted: SequenceModel<ReturnType<typeof low.init>> = {
      init: low.init(key(7)),
      logits: (adapters, tokens, attention) => model.logits(low.apply(model.init, adapters), tokens, attention), // prettier-ignore
    };
    const { params: adapters, steps } = trainPreferences(adapted, pairs, { loss: dpo, key: key(0), numSteps: 30, batchSize: 6, learningRate: 0.05 }); // prettier-ignore
    expect(steps[0]!.loss).toBeCloseTo(Math.LN2, 13);
    expect(steps[29]!.loss).toBeLessThan(0.6);
    const { params: merged } = low.merge(model.init, adapters);
    expectNear(scorePairs(model, merged, pairs).chosen, scorePairs(adapted, adapters, pairs).chosen, 1e-12); // prettier-ignore
  });

  it("of matrices that are not there, or of no matrices, are refused", () => {
    expect(() => lora(params, { targets: ["layers.1.w"] })).toThrow(/layers.1.w.* not in params/);
    expect(() => lora(params, { targets: ["layers.0.bias"] })).toThrow(/layers.0.bias is float32 of shape \[6\]/); // prettier-ignore
    expect(() => lora({ b: params.layers[0]!.bias })).toThrow(/no matrix/);
    const low = lora(params, { rank: 1 });
    expect(() => low.apply(params, {})).toThrow(/adapters.layers.0.w/);
    expect(() => low.apply(params, { ...low.init(key(0)), x: low.init(key(0))["out"]! })).toThrow(/adapters.x has no matrix/); // prettier-ignore
  });
});

describe("training on preferences", () => {
  const options = { loss: dpo, key: key(3), batchSize: 2, learningRate: 0.05 } as const;

  it("takes the gradient that differentiation of the whole gives", () => {
    const model = bigram();
    const { params } = trainPreferences(model, pairs, { loss: dpo, key: key(0), batchSize: 6, numSteps: 1, optimizer: sgd(0.1) as never }); // prettier-ignore
    const rows = padPairs(pairs);
    const reference = flat(sequenceLogProbs(model.logits(model.init, rows.tokens, rows.attention), rows.tokens, rows.mask).logProbs); // prettier-ignore
    const loss = differentiable(dpo as never);
    const [, gradient] = valueAndGrad((p: Bigram) => {
      const scores = scoreSequences(rows.tokens, rows.mask)(model.logits(p, rows.tokens, rows.attention)); // prettier-ignore
      const part = (x: number): NdArray =>
        take(
          scores,
          Array.from({ length: 6 }, (_, i) => x + i),
        );
      return loss({ chosen: part(0), rejected: part(6), refChosen: array(reference.slice(0, 6), f64), refRejected: array(reference.slice(6), f64) }); // prettier-ignore
    })(model.init);
    expectNear(params.next, sub(model.init.next, mul(0.1, gradient.next)), 1e-13);
  });

  it("ends where the exact solver does: a model of single tokens is a table", () => {
    // two prompts, three responses, nobody always wins
    const rows = [[0, 2, 3], [0, 3, 2], [0, 2, 4], [0, 4, 3], [0, 2, 3], [0, 4, 2], [1, 3, 4], [1, 4, 3], [1, 3, 2], [1, 2, 3], [1, 3, 2], [1, 2, 4]]; // prettier-ignore
    const model: SequenceModel<Bigram> = { init: { next: zeros([2, 3], f64) }, logits: ({ next }, tokens) => take(next, array(flat(tokens).map((t) => Math.min(t, 1)), { dtype: "int32", shape: tokens.shape })) }; // prettier-ignore
    const tokenPairs = rows.map(([x, a, b]) => ({ prompt: [x!], chosen: [a! - 2], rejected: [b! - 2] })); // prettier-ignore
    const { params } = trainPreferences(model, tokenPairs, { loss: (b) => dpoLoss(b, { beta: 1 }), key: key(0), batchSize: 12, numSteps: 400, learningRate: 0.05 }); // prettier-ignore
    const third = [Math.log(1 / 3), Math.log(1 / 3), Math.log(1 / 3)];
    const { logPolicy } = solveVpo({ data: rows.map(([x, a, b]) => [x!, a! - 2, b! - 2]), logReference: [third, third] }, { beta: 1, alpha: 0 }); // prettier-ignore
    const own = [0, 1].flatMap((x) => {
      const row = flat(take(params.next, [x]));
      const z = Math.log(row.reduce((s, v) => s + Math.exp(v), 0));
      return row.map((v) => v - z);
    });
    expectNear(own, logPolicy, 1e-4);
  });

  it.each([
    ["DPO", dpo, {}],
    ["RPO, pooled over tokens as in TRL", ({ rejectedLengths: _, ...b }: LossBatch) => rpoLoss(b, { convention: "trl" }), { withLengths: true }], // prettier-ignore
    ["IPO on means", (b: never) => ipoLoss(b, { beta: 0.3 }), { withLengths: true }],
    ["SimPO", (b: never) => simpoLoss(b), { withLengths: true, referenceFree: true }],
  ])("%s has the same steps in pieces of a batch as in one", (_, loss, more) => {
    const of = (microBatchSize: number) =>
      trainPreferences(bigram(), pairs, { ...options, ...more, loss: loss as never, batchSize: 6, numSteps: 3, microBatchSize }); // prettier-ignore
    const [whole, pieces] = [of(6), of(4)];
    expectNear(pieces.params.next, whole.params.next, 1e-11);
    whole.steps.forEach(({ loss: l }, i) => expect(pieces.steps[i]!.loss).toBeCloseTo(l, 12));
  });

  it("cut off after any step and read back from a file ends with the same bits", () => {
    const run = { ...options, evaluation: { pairs: pairs.slice(0, 3), every: 2 } };
    for (const dtype of ["float32", "float64"] as const) {
      const model = bigram(dtype);
      const whole = trainPreferences(model, pairs, { ...run, numSteps: 7 });
      const evaluations = [...whole.evaluations];
      for (const [at, format] of [
        [1, "json"],
        [3, "safetensors"],
        [4, "json"],
        [6, "safetensors"],
      ] as const) {
        // prettier-ignore
        const first = trainPreferences(model, pairs, { ...run, numSteps: at });
        const file = encodeCheckpoint(first.state, { format: format as "json" });
        const state = decodeCheckpoint(file) as typeof first.state;
        const rest = trainPreferences(model, pairs, { ...run, numSteps: 7 - at, state });
        expect(bits(rest.params)).toBe(bits(whole.params));
        expect(bits(rest.state.params)).toBe(bits(whole.state.params));
        expect([...first.steps, ...rest.steps]).toEqual(whole.steps);
        expect([...first.evaluations, ...rest.evaluations]).toEqual(evaluations);
      }
    }
  });

  it("reports every step, stops when asked, and reads cached references", () => {
    const seen: number[] = [];
    const whole = trainPreferences(bigram(), pairs, { ...options, numSteps: 4, onProgress: ({ iteration, total, metrics, evaluations, state }) => seen.push(iteration + total + metrics.step + state.step + evaluations.length) }); // prettier-ignore
    expect(seen).toEqual([6, 9, 12, 15]);
    const cached = trainPreferences(bigram(), whole.pairs, { ...options, numSteps: 4 });
    expect(bits(cached.params)).toBe(bits(whole.params));
    const stop = new AbortController();
    expect(() => trainPreferences(bigram(), pairs, { ...options, signal: stop.signal, onProgress: () => stop.abort() })).toThrow(/abort/i); // prettier-ignore
    // a reference of one's own: the first loss is not that of ties
    const other = trainPreferences(bigram(), pairs, { ...options, numSteps: 1, reference: { next: zeros([V, V], f64) } }); // prettier-ignore
    expect(other.steps[0]!.loss).not.toBeCloseTo(Math.LN2, 6);
    expect(whole.steps[0]!.loss).toBeCloseTo(Math.LN2, 12);
  });

  it("measures the divergence from the reference token by token, and ends early when held-out pairs get worse", () => {
    const model = bigram();
    const evaluation = { pairs: [{ prompt: [0], chosen: [3], rejected: [1] }], every: 1, patience: 2 }; // prettier-ignore
    const { evaluations, stoppedEarly, params, state } = trainPreferences(model, [pairs[0]!], { loss: dpo, key: key(0), numSteps: 9, learningRate: 0.1, evaluation }); // prettier-ignore
    expect(evaluations[0]!.kl).toBe(0);
    expect([stoppedEarly, state.step]).toEqual([true, 2]);
    expect(bits(params)).toBe(bits(model.init));
    const [p, q] = [state.params.next, model.init.next].map((x) => {
      const row = flat(take(x, [0]));
      const z = Math.log(row.reduce((s, v) => s + Math.exp(v), 0));
      return row.map((v) => v - z);
    });
    expect(evaluations[2]!.kl).toBeCloseTo(p!.reduce((s, l, v) => s + Math.exp(l) * (l - q![v]!), 0), 12); // prettier-ignore
  });

  it("follows schedules, and cuts long gradients", () => {
    const rate = cosineDecay(0.1, 4);
    const moved = (run: object): number => {
      const { params } = trainPreferences(bigram(), pairs, { loss: dpo, key: key(1), batchSize: 6, numSteps: 1, ...run }); // prettier-ignore
      return Math.sqrt(item(sum(mul(sub(params.next, bigram().init.next), sub(params.next, bigram().init.next))))); // prettier-ignore
    };
    expect(moved({ optimizer: sgd(1), clipNorm: 0.01 })).toBeCloseTo(0.01, 10);
    const { steps } = trainPreferences(bigram(), pairs, { ...options, numSteps: 1, batchSize: 6 });
    expect(moved({ optimizer: sgd(1) })).toBeCloseTo(steps[0]!.gradientNorm, 10);
    expect(moved({ learningRate: rate })).toBe(moved({ learningRate: 0.1 }));
    expect(moved({ learningRate: warmup(2, rate) })).toBe(0);
  });

  it("takes soft labels, margins and weights from the pairs", () => {
    const soft = pairs.map((pair, i) => ({ ...pair, preference: 0.7, margin: 0.1 * i, weight: 1 + i })); // prettier-ignore
    let seen: object = {};
    trainPreferences(bigram(), soft, { ...options, batchSize: 6, numSteps: 1, loss: (batch) => (seen = batch) && vpoLoss(batch, { alpha: 0.1, attitude: "pessimistic" }) }); // prettier-ignore
    expect(Object.keys(seen).sort()).toEqual(["chosen", "margins", "preferences", "refChosen", "refRejected", "rejected", "weights"]); // prettier-ignore
    expect(flat((seen as { weights: NdArray }).weights).sort((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6,
    ]);
  });

  it("refuses before the first step what cannot be trained", () => {
    const model = bigram();
    const train = (change: object, list: readonly TokenPair[] = pairs) => () => trainPreferences(model, list, { ...options, ...change }); // prettier-ignore
    const cached = { ...pairs[0]!, refChosen: -1, refRejected: -2 };
    expect(train({ loss: undefined })).toThrow(/options.loss must be given/);
    expect(train({ key: undefined })).toThrow(/options.key must be given/);
    expect(train({ batchSize: 9 })).toThrow(/batchSize is 9, and there are 6 pairs/);
    expect(train({ microBatchSize: 3 })).toThrow(/microBatchSize is 3/);
    expect(train({ learning_rate: 1 })).toThrow(/learning_rate/);
    expect(train({ optimizer: sgd(1) })).toThrow(/learningRate is that of AdamW/);
    expect(train({}, [cached, ...pairs.slice(1)])).toThrow(/pairs\[0\] carries refChosen and pairs\[1\] does not/); // prettier-ignore
    expect(train({ referenceFree: true }, [cached, cached])).toThrow(/which referenceFree does not read/); // prettier-ignore
    expect(train({ loss: () => ({ loss: 1 }) })).toThrow(/the loss must return gradient.chosen of shape \[2\]/); // prettier-ignore
    expect(train({ evaluation: { pairs: [] } })).toThrow(/evaluation.pairs must hold at least one/);
    const { state } = trainPreferences(model, pairs, { ...options, numSteps: 1 });
    expect(() => trainPreferences(bag, pairs, { ...options, state } as never)).toThrow(/state.params/); // prettier-ignore
    expect(() => trainPreferences(bigram("float32"), pairs, { ...options, state })).toThrow(/must hold float32/); // prettier-ignore
    expect(train({ state: { ...state, step: -1 } })).toThrow(/state.step/);
    expect(train({ learningRate: () => -1 })).toThrow(/learningRate/);
  });
});

describe("checkpoints", () => {
  const state = { step: 3, params: { a: array([1, -0, 2 ** -140], { dtype: "float32" }), list: [array([Math.PI], f64)] }, optimizer: { name: "own", step: array(3, { dtype: "int32" }), none: null } }; // prettier-ignore

  it("hold every bit, signs of zeros too, as bytes and as text", () => {
    for (const file of [encodeCheckpoint(state), encodeCheckpoint(state, { format: "json" })]) {
      const back = decodeCheckpoint(file) as typeof state;
      expect(Array.from(toTypedArray(back.params.a))).toEqual([1, -0, 2 ** -140]);
      expect(back.params.list[0]!.get(0)).toBe(Math.PI);
      expect([back.step, back.optimizer.name, back.optimizer.step.dtype]).toEqual([3, "own", "int32"]); // prettier-ignore
    }
  });

  it("that were cut off, changed, or are other files are refused", () => {
    const bytes = encodeCheckpoint(state);
    expect(() => decodeCheckpoint(bytes.subarray(0, 40))).toThrow(/FormatError|cut off|bytes/);
    expect(() => decodeCheckpoint("{}")).toThrow(/must come from encodeCheckpoint/);
    expect(() => decodeCheckpoint("[")).toThrow(/no JSON/);
    expect(() => decodeCheckpoint(JSON.stringify({ kind: "preference training", safetensors: "%" }))).toThrow(/no base64/); // prettier-ignore
    expect(() => encodeCheckpoint({ ...state, optimizer: { rate: NaN } })).toThrow(/state.optimizer.rate must be an array or JSON, got NaN/); // prettier-ignore
    expect(() => encodeCheckpoint({ ...state, params: { "a.b": array([1]), a: { b: array([2]) } } })).toThrow(/two arrays of the state have the path "params.a.b"/); // prettier-ignore
    expect(() => encodeCheckpoint({ ...state, optimizer: () => 1 })).toThrow(/optimizer/);
  });
});
