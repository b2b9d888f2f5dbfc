/** Certificates of sparse models: computed from the weights and from text, not from the statistics that chose the neurons. */
import { type Certificate, DomainError } from "@provably/core-tensor";
import {
  certificate,
  checkOptions,
  nonNegativeNumber,
  numberList,
  positiveNumber,
} from "@provably/core-tensor/internal";

import { checkIds } from "../generate/scores.js";
import { decodeStep, prefill } from "../runtime/forward.js";
import { type LanguageModel, checkModel } from "../runtime/model.js";
import { type ExpertSet, checkExperts } from "../sparsity/experts.js";
import { type Prompt, checkPrompt } from "../sparsity/prompt.js";
import { type SparseFeedForward, checkSparse } from "../sparsity/sparsify.js";
import { costModel } from "./cost.js";
import { type ModelConfig, blockSizes, layerNeurons } from "../model/description.js";
import { affordable, naiveActivations } from "./naive.js";

/**
 * Certificate that neurons are the best for a prompt: reads the prompt once more and compares the squared relative error of the activations with the least that
 * any sets of the same sizes can have.
 *
 * $$\frac1S\sum_t \lVert \bar z_t - \mathrm{mask}_E\,\bar z_t\rVert^2 \;\ge\; \frac1S\sum_{j > k} s_{(j)}^2$$
 *
 * The error is measured token by token from the activations; the least one comes from the column sums of the same activations, sorted. Equality holds for the k best neurons
 * and for no others, up to ties.
 *
 * @param model - see {@link LanguageModel}
 * @param ids - the prompt
 * @param experts - see {@link ExpertSet}
 * @returns certificate of kind `exact`: `value` is the mean error over tokens and layers, in [0, 1], and `expected` the least
 * @throws `DomainError` for expert sets that do not fit the model
 * @example
 * ```ts
 * import { certifyExperts, loadModel, readPrompt, selectExperts } from "@provably/transformer-sparsity/griffin";
 *
 * const model = await loadModel("examples/models/tiny-llama-text");
 * const ids = [0, 1070, 260, 1897];
 * certifyExperts(model, ids, selectExperts(readPrompt(model, ids).statistics, { density: 0.5 })).holds; // => true
 * ```
 * @see Dong, Chen, Chi (2024), "Prompt-prompted adaptive structured pruning for efficient LLM generation", section 4.2
 * @category Certificates
 */
export function certifyExperts(
  model: LanguageModel,
  ids: readonly number[],
  experts: ExpertSet,
): Certificate {
  const sets = checkExperts("certifyExperts", model, experts);
  checkIds("certifyExperts", model, ids);
  const { config } = model;
  const { numLayers } = config;
  const masks = sets.map((chosen, i) => {
    const mask = new Uint8Array(layerNeurons(config, i));
    for (const j of chosen) mask[j] = 1;
    return mask;
  });
  const energies = masks.map((mask) => new Float64Array(mask.length));
  // the first tokens once more, by the plain decoder: a fault of the way the model is run shows here
  const sample = affordable(model, ids.length);
  const plain = naiveActivations(model, ids.slice(0, sample), ids.length);
  let [lost, apart] = [0, 0];
  prefill(model, ids, {
    logits: "none",
    onFeedForward({ layer, position, tokens, activations, expert = 0, routed }) {
      const [from, to] = blockRange(config, layer, expert);
      const n = to - from;
      const [mask, energy] = [
        masks[layer]!.subarray(from, to),
        energies[layer]!.subarray(from, to),
      ];
      for (let t = 0; t < tokens; t++) {
        const z = activations.subarray(t * n, (t + 1) * n);
        const other = plain[layer]![position + (routed?.[t] ?? t)];
        if (other) apart = Math.max(apart, distance(z, other.subarray(from, to)));
        const norm = z.reduce((sum, v) => sum + v * v, 0);
        if (norm === 0) continue;
        let error = 0;
        z.forEach((v, j) => {
          const share = (v * v) / norm;
          energy[j]! += share;
          if (mask[j] === 0) error += share;
        });
        lost += error;
      }
    },
  });
  const least = energies.reduce((sum, energy, i) => {
    // each expert keeps as many of its own neurons as the set does
    const losses = blockSizes(config, i).map((size, block) => {
      const [from, to] = blockRange(config, i, block);
      const kept = masks[i]!.subarray(from, to).reduce((a, b) => a + b, 0);
      const sorted = energy.slice(from, to).sort();
      return sorted.subarray(0, size - kept).reduce((a, b) => a + b, 0);
    });
    return sum + losses.reduce((a, b) => a + b, 0);
  }, 0);
  const scale = 1 / (ids.length * numLayers);
  const [value, expected, tolerance] = [lost * scale, least * scale, 1e-9];
  return certificate({
    claim:
      "mean squared relative error of the activations on the prompt is the least that sets of these sizes can have",
    kind: "exact",
    value,
    expected,
    tolerance,
    verdict: Math.abs(value - expected) <= tolerance && apart <= NEAR,
    note: `the activations of the first ${sample} tokens differ by ${apart.toPrecision(2)} from a plain decoder in double precision (at most ${NEAR} holds); weights and config are taken as they are: a checkpoint that was misread on loading, it cannot see, certifyModel can`,
  });
}

/** Where the neurons of a block lie among those of its layer. */
function blockRange(config: ModelConfig, layer: number, block: number): [number, number] {
  const sizes = blockSizes(config, layer);
  const from = sizes.slice(0, block).reduce((a, b) => a + b, 0);
  return [from, from + sizes[block]!];
}

/** Largest relative difference of activations that rounding makes. */
const NEAR = 1e-2;

/** ‖a − b‖ / ‖b‖ */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return size === 0 ? Math.sqrt(difference) : Math.sqrt(difference / size);
}

/**
 * Options of {@link certifyModel}.
 * @category Certificates
 */
export interface ModelCertificateOptions {
  /** Logits after the last token, from the library that the model was published with: then these are compared. Default none. */
  readonly reference?: ArrayLike<number>;
  /** Largest difference from the reference that counts as the same; default 1e-3. */
  readonly tolerance?: number;
}

const MODEL = { reference: numberList, tolerance: positiveNumber };

/**
 * Certificate that a checkpoint was read as it was meant: on text that it was not trained on.
 *
 * With the logits of another library after the last token, it compares them. Without, the model must find the text more probable, token by token, than an adaptive count of
 * the tokens so far does, $(n_i + 1) / (t + V)$, by 2.58 standard errors: models with weights off their scale, or tensors in each other's places, do not.
 *
 * @param model - see {@link LanguageModel}
 * @param ids - tokens of an ordinary text, start token first; at least 16 without a reference
 * @param options - see {@link ModelCertificateOptions}
 * @returns certificate of kind `exact` with a reference: `value` is the largest difference of logits; else `statistical`: `value` is the mean gain in nats a token,
 *   and the verdict is `undecided` where the text is too short to tell
 * @throws `DomainError` for too few tokens or a reference of another length
 * @example
 * ```ts
 * import { certifyModel, loadModel, loadTokenizer } from "@provably/transformer-sparsity/griffin";
 *
 * const folder = "examples/models/tiny-llama-text";
 * const text = "And God said, Let there be light: and there was light. And God saw the light, that it was good.";
 * certifyModel(await loadModel(folder), (await loadTokenizer(folder)).encode(text)).holds; // => true
 * ```
 * @category Certificates
 */
export function certifyModel(
  model: LanguageModel,
  ids: readonly number[],
  options: ModelCertificateOptions = {},
): Certificate {
  const fn = "certifyModel";
  const { reference, tolerance = 1e-3 } = checkOptions<ModelCertificateOptions>(fn, options, MODEL);
  checkIds(fn, checkModel(fn, model), ids);
  const { vocabSize } = model.config;
  if (reference !== undefined) {
    if (reference.length !== vocabSize)
      throw new DomainError(
        `${fn}: reference must hold ${vocabSize} logits, got ${reference.length}`,
      );
    const { logits } = prefill(model, ids);
    const value = logits.reduce((most, z, i) => Math.max(most, Math.abs(z - reference[i]!)), 0);
    return certificate({
      claim: "logits after the text are those of the reference",
      kind: "exact",
      value,
      tolerance,
      verdict: value <= tolerance,
      note: "what only acts on longer texts, such as positions beyond those given here, it cannot see",
    });
  }
  if (ids.length < 16)
    throw new DomainError(`${fn}: ids must hold at least 16 tokens, got ${ids.length}`);
  const { logits } = prefill(model, ids.slice(0, -1), { logits: "all" });
  const counts = new Map<number, number>([[ids[0]!, 1]]);
  const gains = ids.slice(1).map((id, t) => {
    const row = logits.subarray(t * vocabSize, (t + 1) * vocabSize);
    const counted = Math.log(((counts.get(id) ?? 0) + 1) / (t + 1 + vocabSize));
    counts.set(id, (counts.get(id) ?? 0) + 1);
    return row[id]! - logNormalizer(row) - counted;
  });
  const n = gains.length;
  const value = gains.reduce((a, b) => a + b, 0) / n;
  const error = Math.sqrt(gains.reduce((sum, g) => sum + (g - value) ** 2, 0) / (n - 1) / n);
  const sure = Math.abs(value) > 2.58 * error;
  return certificate({
    claim: "the model finds the text more probable than counting its tokens does, in nats a token",
    kind: "statistical",
    value,
    expected: [0, Infinity],
    confidence: 0.99,
    verdict: sure ? (value > 0 ? "holds" : "fails") : "undecided",
    note: `standard error ${error.toPrecision(2)} over ${n} tokens; slight misreadings, such as a scaling of positions on a short text, leave a model better than counting: give the reference logits of another library to see those`,
  });
}

/**
 * Options of {@link certifyContinuation}.
 * @category Certificates
 */
export interface ContinuationCertificateOptions {
  /** Largest mean divergence that is acceptable, in nats a token; default 1. */
  readonly maxDivergence?: number;
}

const CONTINUATION = { maxDivergence: nonNegativeNumber };

/**
 * Certificate of what sparsity changes on a held-out continuation: the mean Kullback-Leibler divergence of the sparse model's next-token distributions
 * from the full model's, $\frac1n\sum_t \mathrm{KL}(p_t \Vert \hat p_t)$.
 *
 * It holds when the upper end of the interval is at most `maxDivergence`. The interval is 1.96 standard errors over tokens, as if they were independent; neighbours are not,
 * so that on short texts it is too narrow.
 *
 * @param model - see {@link LanguageModel}
 * @param prompt - from {@link readPrompt}
 * @param continuation - tokens that really followed, at least three
 * @param sparse - from {@link sparsify}
 * @param options - see {@link ContinuationCertificateOptions}
 * @returns certificate of kind `statistical`: `value` in nats, and in `note` the interval and how often the most likely token is the same
 * @throws `DomainError` for fewer than three tokens
 * @example
 * ```ts
 * import { certifyContinuation, loadModel, readPrompt, sparsify } from "@provably/transformer-sparsity/griffin";
 *
 * const model = await loadModel("examples/models/tiny-llama-text");
 * const prompt = readPrompt(model, [0, 1070, 260, 1897, 1079]);
 * const all = sparsify(model, prompt, { kind: "griffin", density: 1 });
 * certifyContinuation(model, prompt, [422, 1902, 283, 260], all, { maxDivergence: 1e-6 }).holds; // => true
 * ```
 * @category Certificates
 */
export function certifyContinuation(
  model: LanguageModel,
  prompt: Prompt,
  continuation: readonly number[],
  sparse: SparseFeedForward,
  options: ContinuationCertificateOptions = {},
): Certificate {
  const fn = "certifyContinuation";
  const { maxDivergence = 1 } = checkOptions<ContinuationCertificateOptions>(
    fn,
    options,
    CONTINUATION,
  );
  checkIds(fn, checkModel(fn, model), continuation);
  checkPrompt(fn, model, prompt);
  checkSparse(fn, sparse);
  if (continuation.length < 3)
    throw new DomainError(
      `certifyContinuation: continuation must hold at least three tokens, got ${continuation.length}`,
    );
  const { vocabSize } = model.config;
  // the full model reads the text anew and at once; the sparse one goes on from the prompt's cache, a token a step, as writing does
  const whole = prefill(model, [...prompt.ids, ...continuation.slice(0, -1)], { logits: "all" });
  const full = whole.logits.subarray((prompt.ids.length - 1) * vocabSize);
  const pruned = stepLogits(model, prompt, continuation, sparse);
  const divergences: number[] = [];
  let agree = 0;
  // the first token comes from the full model either way
  for (let t = 1; t < continuation.length; t++) {
    const row = (x: Float32Array): Float32Array => x.subarray(t * vocabSize, (t + 1) * vocabSize);
    const { divergence, sameBest } = compare(row(full), row(pruned));
    divergences.push(divergence);
    agree += Number(sameBest);
  }
  const n = divergences.length;
  const value = divergences.reduce((a, b) => a + b, 0) / n;
  const spread =
    1.96 * Math.sqrt(divergences.reduce((sum, d) => sum + (d - value) ** 2, 0) / (n - 1) / n);
  return certificate({
    claim:
      "mean divergence from the full model on a held-out continuation, in nats a token, is at most the tolerance",
    kind: "statistical",
    value,
    tolerance: maxDivergence,
    confidence: 0.95,
    verdict: value + spread <= maxDivergence,
    note: `95 % interval ${Math.max(0, value - spread).toFixed(3)} to ${(value + spread).toFixed(3)} over ${n} tokens; the most likely token is the same for ${((100 * agree) / n).toFixed(0)} %; it compares with the full model, whose own reading of its checkpoint it cannot see`,
  });
}

/** Logits before each token of a continuation, a step a token. */
function stepLogits(
  model: LanguageModel,
  { cache: start, logits: first }: Prompt,
  continuation: readonly number[],
  { feedForward }: SparseFeedForward,
): Float32Array {
  const out = new Float32Array(continuation.length * first.length);
  out.set(first);
  let cache = start;
  continuation.slice(0, -1).forEach((token, t) => {
    const step = decodeStep(model, cache, token, { feedForward });
    out.set(step.logits, (t + 1) * first.length);
    cache = step.cache;
  });
  return out;
}

/** KL(p ‖ q) of two rows of logits, in double precision. */
function compare(p: Float32Array, q: Float32Array): { divergence: number; sameBest: boolean } {
  const [a, b] = [logNormalizer(p), logNormalizer(q)];
  let divergence = 0;
  let [bestP, bestQ] = [0, 0];
  for (let i = 0; i < p.length; i++) {
    const log = p[i]! - a;
    divergence += Math.exp(log) * (log - (q[i]! - b));
    if (p[i]! > p[bestP]!) bestP = i;
    if (q[i]! > q[bestQ]!) bestQ = i;
  }
  return { divergence: Math.max(0, divergence), sameBest: bestP === bestQ };
}

function logNormalizer(z: Float32Array): number {
  const peak = z.reduce((m, v) => Math.max(m, v), -Infinity);
  return peak + Math.log(z.reduce((sum, v) => sum + Math.exp(v - peak), 0));
}

/**
 * What an expert set saves.
 * @category Certificates
 */
export interface SparsitySavings {
  /** Bytes of weights that need not be in memory, counted from the pinned matrices. */
  readonly bytesSaved: number;
  /** Floating-point operations that one token no longer takes. */
  readonly flopsSaved: number;
  /** Ideal speed-up of steps; see {@link costModel}. */
  readonly idealSpeedup: number;
}

/**
 * Options of {@link sparsitySavings}.
 * @category Certificates
 */
export interface SavingsOptions {
  readonly context?: number;
}
const SAVINGS = { context: nonNegativeNumber };

/**
 * Memory and operations that an expert set saves.
 *
 * @param model - see {@link LanguageModel}
 * @param experts - see {@link ExpertSet}
 * @param options - `context`: tokens in the cache; default 0
 * @returns see {@link SparsitySavings}
 * @throws `DomainError` for expert sets that do not fit the model
 * @example
 * ```ts
 * import { loadModel, readPrompt, sparsitySavings, selectExperts } from "@provably/transformer-sparsity/griffin";
 *
 * const model = await loadModel("examples/models/tiny-llama-text");
 * sparsitySavings(model, selectExperts(readPrompt(model, [0, 1070]).statistics, { density: 0.5 })).bytesSaved; // => 5160960
 * ```
 * @category Certificates
 */
export function sparsitySavings(
  model: LanguageModel,
  experts: ExpertSet,
  options: SavingsOptions = {},
): SparsitySavings {
  const sets = checkExperts("sparsitySavings", model, experts);
  const { config } = model;
  const sizes = model.layers.map((_, i) => layerNeurons(config, i));
  const bytesSaved = model.layers.reduce((sum, { feedForward: { gate, up, down } }, i) => {
    const bytes = (gate?.weight.sizeBytes ?? 0) + up.weight.sizeBytes + down.weight.sizeBytes;
    return sum + bytes * (1 - sets[i]!.length / sizes[i]!);
  }, 0);
  const kept = sets.reduce((sum, chosen) => sum + chosen.length, 0);
  const density = kept / sizes.reduce((a, b) => a + b, 0);
  const bytesPerWeight = { float32: 4, int16: 2, int8: 1 }[model.dtype];
  const { context = 0 } = checkOptions<SavingsOptions>("sparsitySavings", options, SAVINGS);
  const [full, pruned] = [
    costModel(model.config, { context, bytesPerWeight }),
    costModel(model.config, { context, bytesPerWeight, density }),
  ];
  return {
    bytesSaved,
    flopsSaved: full.flopsPerToken - pruned.flopsPerToken,
    idealSpeedup: pruned.idealSpeedupWithCache,
  };
}
