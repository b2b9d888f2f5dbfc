/** Feed-forward blocks that keep whole neurons: chosen rows of the matrices, packed into smaller ones or read where they are. */
import { DomainError, toTypedArray } from "@provably/core-tensor";
import { checkOptions, oneOf } from "@provably/core-tensor/internal";
import { gatherPinned, unpinned } from "@provably/core-tensor/pinned";
import {
  type FeedForward,
  type FeedForwardBlock,
  blockRows,
  checkBlock,
  combineNeurons,
  neuronRows,
} from "../runtime/feed-forward.js";
import {
  type FeedForwardWeights,
  type LanguageModel,
  type PinnedLinear,
  checkModel,
  rowsOf,
} from "../runtime/model.js";
import { type ExpertSet, checkExperts } from "./experts.js";

/**
 * Options of {@link prunedFeedForward}.
 * @category Sparsity
 */
export interface PrunedOptions {
  /** `packed` copies the kept rows once, about the work of one or two tokens, for the fastest steps; `indexed` reads them in place and costs no memory. Default `packed`. */
  readonly storage?: "packed" | "indexed";
}

/**
 * Feed-forward blocks of only some neurons, $\hat y = W_2[:,E]\,\big(\sigma(W_g[E]x + b_g[E]) \odot (W_1[E]x + b_1[E])\big) + b_2$.
 *
 * Equals the full block with the other activations set to zero.
 *
 * @param model - see {@link LanguageModel}
 * @param experts - neurons to keep; need not be sorted
 * @param options - see {@link PrunedOptions}
 * @returns for `feedForward` of {@link decodeStep} and {@link prefill}
 * @throws `DomainError` for indices out of range or given twice
 * @example
 * ```ts
 * import { decodeStep, loadModel, prunedFeedForward, readPrompt, selectExperts } from "@provably/transformer-sparsity/griffin";
 *
 * const model = await loadModel("examples/models/tiny-llama-text");
 * const { cache, statistics } = readPrompt(model, [0, 1070, 260, 1897]);
 * const feedForward = prunedFeedForward(model, selectExperts(statistics, { density: 0.5 }));
 * decodeStep(model, cache, 1079, { feedForward }).logits.length; // => 2048
 * ```
 * @see Dong, Chen, Chi (2024), "Prompt-prompted adaptive structured pruning for efficient LLM generation", section 4.1
 * @category Sparsity
 */
export function prunedFeedForward(
  model: LanguageModel,
  experts: ExpertSet,
  options: PrunedOptions = {},
): FeedForward {
  const { storage } = checkOptions<PrunedOptions>("prunedFeedForward", options, PRUNED);
  return prune("prunedFeedForward", model, experts, storage).feedForward;
}

export const STORAGE = oneOf("packed", "indexed");
const PRUNED = { storage: STORAGE };

/** The same, with a way to return the memory of packed rows before they are collected. */
export function prune(
  fn: string,
  model: LanguageModel,
  experts: ExpertSet,
  storage: "packed" | "indexed" = "packed",
): { readonly feedForward: FeedForward; free(): void } {
  const layers = checkExperts(fn, model, experts);
  const known = (layer: number): number => {
    if (layer >= layers.length)
      throw new DomainError(
        `feedForward: block.layer must be below ${layers.length}, got ${layer}`,
      );
    return layer;
  };
  if (storage === "indexed") {
    const rows = layers.map((chosen, i) => rowsByExpert(model.layers[i]!.feedForward, chosen));
    return {
      feedForward: checked((block, x) =>
        indexed(block, x, rows[known(block.layer)]![block.expert ?? 0]),
      ),
      free() {},
    };
  }
  const packed = layers.map((chosen, i) => pack(model.layers[i]!.feedForward, chosen));
  return {
    feedForward: checked((block, x) => {
      const weights = packed[known(block.layer)]!;
      return indexed({ ...block, weights }, x, blockRows({ ...block, weights }));
    }),
    free() {
      for (const { gate, up, down } of packed)
        for (const linear of [gate, up, down]) linear?.weight.free();
    },
  };
}

/** For callers who call a feed-forward method themselves. */
export function checked(run: FeedForward): FeedForward {
  return (block, x, observe) => {
    checkBlock("feedForward", block, x);
    return run(block, x, observe);
  };
}

function indexed(block: FeedForwardBlock, x: Float32Array, rows?: Int32Array): Float32Array {
  return combineNeurons(
    block,
    neuronRows(block, x, rows),
    rows,
    x.length / block.weights.up.weight.shape[1],
  );
}

/** The chosen neurons of each expert; where there are none, of the one block. */
function rowsByExpert({ mixture }: FeedForwardWeights, chosen: Int32Array): Int32Array[] {
  if (!mixture) return [chosen];
  return mixture.rows.map((own) => {
    const [first, last] = [own[0]!, own[own.length - 1]!];
    return chosen.filter((j) => j >= first && j <= last);
  });
}

function pack(all: FeedForwardWeights, chosen: Int32Array): FeedForwardWeights {
  const { gate, up, down, mixture } = all;
  const rows = ({ weight, bias }: PinnedLinear): PinnedLinear => ({
    weight: gatherPinned(weight, chosen),
    ...(bias && { bias: Float32Array.from(chosen, (j) => bias[j]!) }),
  });
  // the bias of `down` belongs to no neuron
  return {
    ...(gate && { gate: rows(gate) }),
    up: rows(up),
    down: { ...down, weight: gatherPinned(down.weight, chosen) },
    ...(mixture && {
      mixture: { ...mixture, rows: rowsOf(rowsByExpert(all, chosen).map((own) => own.length)) },
    }),
  };
}

/**
 * Scores of neurons by their weights alone, for pruning that does not look at the prompt: $\lVert W_{1,j}\rVert$, times $\lVert W_{g,j}\rVert$ where there is a gate.
 *
 * @param model - see {@link LanguageModel}
 * @returns scores `[D]` for each layer; biases do not count
 * @example
 * ```ts
 * import { loadModel, magnitudeScores } from "@provably/transformer-sparsity/griffin";
 *
 * magnitudeScores(await loadModel("examples/models/tiny-llama-text"))[0]!.length; // => 896
 * ```
 * @see Dong, Chen, Chi (2024), "Prompt-prompted adaptive structured pruning for efficient LLM generation", section 5
 * @category Sparsity
 */
export function magnitudeScores(model: LanguageModel): Float64Array[] {
  return checkModel("magnitudeScores", model).layers.map(({ feedForward: { gate, up } }) => {
    const first = rowNorms(up);
    const second = gate && rowNorms(gate);
    return first.map((norm, j) => norm * (second ? second[j]! : 1));
  });
}

function rowNorms({ weight }: PinnedLinear): Float64Array {
  const [n, m] = weight.shape;
  const w = toTypedArray(unpinned(weight));
  return Float64Array.from({ length: n }, (_, j) => {
    let squares = 0;
    for (let i = j * m; i < (j + 1) * m; i++) squares += w[i]! * w[i]!;
    return Math.sqrt(squares);
  });
}
