/** Several tokens in one pass: guesses of what comes next, which the model reads together, and of which those stay that it would have chosen itself. */
import { DomainError } from "@provably/core-tensor";
import {
  type Guard,
  anyRecord,
  anyString,
  byKind,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { optionalFields } from "../../internal/options.js";
import { contextLimit, dependsOnLength } from "../model/rope.js";
import { type KvCache, rewindCache } from "../runtime/cache.js";
import type { FeedForward } from "../runtime/feed-forward.js";
import { type ForwardResult, decodeStep, prefill } from "../runtime/forward.js";
import { type LanguageModel, checkModel } from "../runtime/model.js";
import { type Prompt, readPrompt } from "../sparsity/prompt.js";
import { type SparsityMethod, sparseBlocks, sparsityGuard } from "../sparsity/sparsify.js";

/**
 * Where guesses of the next tokens come from.
 *
 * - `lookup`: what followed the last tokens where they stood before, in the prompt or the text; the longest of up to `maxMatch` tokens counts. For answers that quote.
 * - `draft`: what a faster model writes: a smaller one with the same vocabulary, or (by default) the same one with a `sparsity` of its own.
 *
 * `numTokens` are guessed at a time: by default 10 by lookup, 4 by a draft.
 *
 * @category Text
 */
export type Speculation =
  | { readonly kind: "lookup"; readonly numTokens?: number; readonly maxMatch?: number }
  | {
      readonly kind: "draft";
      readonly model?: LanguageModel;
      readonly sparsity?: SparsityMethod;
      readonly numTokens?: number;
    };

export const speculationGuard: Guard<object> = byKind("kind", {
  lookup: recordOf({
    kind: anyString,
    ...optionalFields({ numTokens: wholeNumber(), maxMatch: wholeNumber() }),
  }),
  draft: recordOf({
    kind: anyString,
    ...optionalFields({ numTokens: wholeNumber(), model: anyRecord, sparsity: sparsityGuard }),
  }),
});

/** Chooses a token of logits, as the text is written. */
export type Pick = (logits: Float32Array, context: readonly number[]) => number;

/** Steps of a model, one token at a time; a step may have been taken before it is asked for. */
export interface Stepper {
  /** Reads the last token of the context; at most `room` more will follow it. */
  step(cache: KvCache, context: readonly number[], room: number): ForwardResult;
  readonly counts: { guessed: number; kept: number };
  free(): void;
}

/** One token after another. */
export function plainStepper(
  model: LanguageModel,
  feedForward: () => FeedForward | undefined,
): Stepper {
  return {
    step(cache, context) {
      const own = feedForward();
      return decodeStep(model, cache, context[context.length - 1]!, own && { feedForward: own });
    },
    counts: { guessed: 0, kept: 0 },
    free() {},
  };
}

/** Checks of a way to guess that the model alone cannot tell. */
export function checkSpeculation(
  fn: string,
  { config }: LanguageModel,
  how: Speculation,
  length: number,
): void {
  if (dependsOnLength(config.positions, length))
    throw new DomainError(
      `${fn}: speculation needs positions that do not depend on the length of the sequence, and beyond ${length} tokens these do`,
    );
  if (how.kind !== "draft") return;
  const draft = how.model && checkModel(fn, how.model);
  if (draft && draft.config.vocabSize !== config.vocabSize)
    throw new DomainError(
      `${fn}: speculation.model must have the model's vocabulary of ${config.vocabSize} tokens, got ${draft.config.vocabSize}`,
    );
  if (!draft && !how.sparsity)
    throw new DomainError(
      `${fn}: speculation of kind draft needs a model, or a sparsity for the same one`,
    );
}

/** Guesses, and one pass of the model over all of them: the logits are those of one step after another, up to rounding. */
export function speculativeStepper(
  fn: string,
  model: LanguageModel,
  how: Speculation,
  prompt: Prompt,
  pick: Pick,
  feedForward: () => FeedForward | undefined,
): Stepper {
  const { vocabSize } = model.config;
  const plain = plainStepper(model, feedForward);
  const guesser = how.kind === "lookup" ? lookup(how) : drafter(fn, model, how, prompt, pick);
  const counts = { guessed: 0, kept: 0 };
  let ahead:
    | { readonly guesses: readonly number[]; readonly logits: Float32Array; next: number }
    | undefined;
  return {
    counts,
    free: () => {
      guesser.free();
    },
    step(cache, context, room) {
      const token = context[context.length - 1]!;
      if (ahead && ahead.next < ahead.guesses.length && ahead.guesses[ahead.next] === token) {
        counts.kept++;
        const row = ++ahead.next;
        const logits = ahead.logits.slice(row * vocabSize, (row + 1) * vocabSize);
        return { logits, cache: { length: cache.length + 1, storage: cache.storage } };
      }
      // what was guessed wrong has left rows behind, which nobody else has seen
      const behind = ahead ? rewindCache(cache) : cache;
      ahead = undefined;
      const left = Math.min(room - 1, contextLimit(model.config) - cache.length - 1);
      const guesses = left > 0 ? guesser.guess(context, left) : [];
      if (guesses.length === 0) return plain.step(behind, context, room);
      counts.guessed += guesses.length;
      const own = feedForward();
      const run = prefill(model, [token, ...guesses], {
        cache: behind,
        logits: "all",
        ...(own && { feedForward: own }),
      });
      ahead = { guesses, logits: run.logits, next: 0 };
      return {
        logits: run.logits.slice(0, vocabSize),
        cache: { length: cache.length + 1, storage: run.cache.storage },
      };
    },
  };
}

interface Guesser {
  guess(context: readonly number[], most: number): number[];
  free(): void;
}

/** What followed the last tokens where they stood last. */
function lookup({
  numTokens = 10,
  maxMatch = 3,
}: Extract<Speculation, { kind: "lookup" }>): Guesser {
  return {
    guess(context, most) {
      const count = Math.min(numTokens, most);
      for (let size = Math.min(maxMatch, context.length - 1); size >= 1; size--) {
        const from = context.length - size;
        for (let at = from - 1; at >= 0; at--) {
          let same = 0;
          while (same < size && context[at + same] === context[from + same]) same++;
          if (same === size) return context.slice(at + size, at + size + count);
        }
      }
      return [];
    },
    free() {},
  };
}

/** What another model, or the same one with fewer neurons, writes. */
function drafter(
  fn: string,
  model: LanguageModel,
  how: Extract<Speculation, { kind: "draft" }>,
  prompt: Prompt,
  pick: Pick,
): Guesser {
  const { model: draft = model, sparsity, numTokens = 4 } = how;
  const limit = contextLimit(draft.config);
  const fits = prompt.ids.length < limit;
  const own =
    draft === model || !fits
      ? prompt
      : readPrompt(draft, prompt.ids, { keepActivations: sparsity !== undefined });
  const sparse = sparsity && fits ? sparseBlocks(fn, draft, own, sparsity) : undefined;
  const options = sparse ? { feedForward: sparse.feedForward } : {};
  let cache = own.cache;
  let read = [...prompt.ids];
  return {
    free: () => {
      sparse?.free();
    },
    guess(context, most) {
      const count = Math.min(numTokens, most, limit - context.length);
      if (!fits || count < 1) return [];
      let same = 0;
      while (same < read.length && same < context.length && read[same] === context[same]) same++;
      // the last token is read again, for its logits
      same = Math.min(same, context.length - 1);
      const guessed = [...context];
      let step = prefill(draft, context.slice(same), { cache: cutBack(cache, same), ...options });
      for (;;) {
        guessed.push(pick(step.logits, guessed));
        if (guessed.length - context.length === count) break;
        step = decodeStep(draft, step.cache, guessed[guessed.length - 1]!, options);
      }
      cache = step.cache;
      read = guessed.slice(0, cache.length);
      return guessed.slice(context.length);
    },
  };

  /** Rows that only guesses have left are written over; those of the prompt are others' too. */
  function cutBack(whole: KvCache, length: number): KvCache {
    const cut = { length, storage: whole.storage };
    return length >= prompt.ids.length && whole.storage !== prompt.cache.storage
      ? rewindCache(cut)
      : cut;
  }
}
