/** All sparsity methods behind one function: from a prompt that was read to feed-forward blocks for what follows. */
import {
  type Guard,
  anyFunction,
  anyNumber,
  anyString,
  anything,
  byKind,
  check,
  optional,
  recordOf,
  recordWith,
} from "@provably/core-tensor/internal";
import { optionalFields } from "../../internal/options.js";
import type { RngKey } from "@provably/core-tensor/random";
import { blockSizes } from "../model/description.js";
import type { FeedForward } from "../runtime/feed-forward.js";
import { type LanguageModel, checkModel } from "../runtime/model.js";
import { catsFeedForward, tealFeedForward, wandaFeedForward } from "./baselines.js";
import {
  type ExpertOptions,
  type ExpertSet,
  blockKey,
  byBlock,
  expertCounts,
  retainedEnergy,
  EXPERTS,
  chooseExperts,
} from "./experts.js";
import { type PrunedOptions, STORAGE, checked, magnitudeScores, prune } from "./neurons.js";
import { type Prompt, checkPrompt } from "./prompt.js";
import { selectNeurons } from "./selection.js";

/**
 * A sparsity method.
 *
 * - `griffin`: whole neurons, chosen by the prompt. Structured, faster and smaller.
 * - `experts`: a given set of whole neurons.
 * - `magnitude`: whole neurons by the norms of their weights, whatever the prompt.
 * - `random`: any neurons, as a control.
 * - `wanda`: single weights, chosen by the prompt's inputs. Not faster.
 * - `cats`: of each token, neurons whose gate is large; thresholds from the prompt.
 * - `teal`: of each token, inputs and activations that are large; thresholds from the prompt.
 *
 * `density` is the share that stays, in (0, 1].
 *
 * @category Sparsity
 */
export type SparsityMethod =
  | ({ readonly kind: "griffin" } & ExpertOptions & PrunedOptions)
  | ({ readonly kind: "experts"; readonly experts: ExpertSet } & PrunedOptions)
  | ({ readonly kind: "magnitude" } & Pick<ExpertOptions, "density" | "numNeurons"> & PrunedOptions)
  | ({ readonly kind: "random"; readonly key: RngKey } & Pick<
      ExpertOptions,
      "density" | "numNeurons"
    > &
      PrunedOptions)
  | { readonly kind: "wanda" | "cats" | "teal"; readonly density: number };

/**
 * Sparse feed-forward blocks.
 * @category Sparsity
 */
export interface SparseFeedForward {
  /** For `feedForward` of {@link decodeStep}. */
  readonly feedForward: FeedForward;
  /** The neurons that stay, where the method keeps whole neurons. */
  readonly experts?: ExpertSet;
  /** Returns the memory of packed neurons now, rather than when they are collected. The blocks then throw. */
  free(): void;
}

/**
 * Feed-forward blocks for what follows a prompt, by one of several methods.
 *
 * @param model - see {@link LanguageModel}
 * @param prompt - from {@link readPrompt}; for `wanda`, `cats` and `teal` with `keepActivations`
 * @param method - see {@link SparsityMethod}
 * @returns see {@link SparseFeedForward}
 * @throws `DomainError` for densities out of range, a missing key, missing activations, or `cats` on a model without gates
 * @example
 * ```ts
 * import { loadModel, readPrompt, sparsify } from "@provably/transformer-sparsity/griffin";
 *
 * const model = await loadModel("examples/models/tiny-llama-text");
 * const prompt = readPrompt(model, [0, 1070, 260, 1897]);
 * sparsify(model, prompt, { kind: "griffin", density: 0.5 }).experts!.layers[0]!.length; // => 448
 * ```
 * @category Sparsity
 */
export function sparsify(
  model: LanguageModel,
  prompt: Prompt,
  method: SparsityMethod,
): SparseFeedForward {
  checkModel("sparsify", model);
  checkPrompt("sparsify", model, prompt);
  check("sparsify", "method", method, sparsityGuard);
  return sparseBlocks("sparsify", model, prompt, method);
}

const PRUNED = optionalFields({ storage: STORAGE });
const FIXED = {
  ...optionalFields({ density: EXPERTS.density, numNeurons: EXPERTS.numNeurons }),
  ...PRUNED,
};
const perToken = recordOf({ kind: anyString, density: anyNumber });

/** What a method must be, by its kind. */
export const sparsityGuard: Guard<object> = byKind("kind", {
  griffin: recordOf({ kind: anyString, ...optionalFields(EXPERTS), ...PRUNED }),
  experts: recordOf({ kind: anyString, experts: recordWith(), ...PRUNED }),
  magnitude: recordOf({ kind: anyString, ...FIXED }),
  random: recordOf({ kind: anyString, key: anything, ...FIXED }),
  wanda: perToken,
  cats: perToken,
  teal: perToken,
});

/** The same for a function that looked at its arguments. */
export function sparseBlocks(
  fn: string,
  model: LanguageModel,
  prompt: Prompt,
  method: SparsityMethod,
): SparseFeedForward {
  switch (method.kind) {
    case "griffin":
      return pruned(fn, model, chooseExperts(fn, prompt.statistics, method), method);
    case "experts":
      return pruned(fn, model, method.experts, method);
    case "magnitude":
      return pruned(fn, model, fixedExperts(fn, model, prompt, method), method);
    case "random":
      return pruned(fn, model, fixedExperts(fn, model, prompt, method, method.key), method);
    default: {
      const make = { wanda: wandaFeedForward, cats: catsFeedForward, teal: tealFeedForward };
      return {
        feedForward: checked(make[method.kind](fn, model, prompt, method.density)),
        free() {},
      };
    }
  }
}

/** Whether `sparse` holds feed-forward blocks. */
export function checkSparse(fn: string, sparse: SparseFeedForward | undefined): void {
  check(fn, "sparse", sparse, optional(recordWith({ feedForward: anyFunction })));
}

function pruned(
  fn: string,
  model: LanguageModel,
  experts: ExpertSet,
  { storage }: PrunedOptions,
): SparseFeedForward {
  return { experts, ...prune(fn, model, experts, storage) };
}

/** Sets that do not look at the prompt; their retained energy is the prompt's all the same. */
function fixedExperts(
  fn: string,
  model: LanguageModel,
  prompt: Prompt,
  options: Pick<ExpertOptions, "density" | "numNeurons">,
  key?: RngKey,
): ExpertSet {
  const sizes = model.layers.map((_, i) => blockSizes(model.config, i));
  const counts = expertCounts(fn, sizes, options);
  const scores = key === undefined ? magnitudeScores(model) : undefined;
  const layers = sizes.map((own, i) =>
    byBlock(own, counts[i]!, (from, to, k, block) =>
      scores
        ? selectNeurons(scores[i]!.subarray(from, to), k)
        : selectNeurons(new Float64Array(to - from), k, {
            method: "random",
            key: blockKey(key!, i, block),
          }),
    ),
  );
  return {
    layers,
    retainedEnergy: layers.map((chosen, i) =>
      retainedEnergy(prompt.statistics.layers[i]!.sumSquares, chosen),
    ),
  };
}
