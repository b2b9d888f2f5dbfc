/** Prompts that begin alike are read once. */
import { DomainError } from "@provably/core-tensor";
import { dependsOnLength } from "../model/rope.js";
import type { LanguageModel } from "../runtime/model.js";
import { type Prompt, checkPrompt } from "../sparsity/prompt.js";

/** The longest of the prompts that `ids` begin with and go beyond; undefined when there is none. */
export function longestPrefix(
  fn: string,
  model: LanguageModel,
  prompts: readonly Prompt[],
  ids: readonly number[],
): Prompt | undefined {
  let best: Prompt | undefined;
  prompts.forEach((prompt, i) => {
    checkPrompt(fn, model, prompt, `prefixes[${i}]`);
    const begins = prompt.ids.length < ids.length && prompt.ids.every((id, t) => id === ids[t]);
    if (begins && prompt.ids.length > (best?.ids.length ?? 0)) best = prompt;
  });
  if (best && dependsOnLength(model.config.positions, ids.length))
    throw new DomainError(
      `${fn}: prefixes cannot be gone on from to ${ids.length} tokens: the model's positions depend on the length of the sequence`,
    );
  return best;
}
