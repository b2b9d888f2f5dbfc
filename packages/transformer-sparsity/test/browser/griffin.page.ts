/** What the browser test runs in the page: a model by fetch, text from it, full and sparse. */
import {
  certifyExperts,
  generate,
  loadModel,
  loadTokenizer,
  readPrompt,
  selectExperts,
} from "../../src/griffin/index.js";

export interface Written {
  readonly text: string;
  readonly pieces: number;
  readonly tokensPerSecond: number;
}

/** The same prompt with all neurons and with half of them, by the most likely tokens. */
export async function write(
  base: string,
  prompt: string,
): Promise<{ full: Written; sparse: Written; certified: boolean }> {
  const [model, tokenizer] = await Promise.all([loadModel(base), loadTokenizer(base)]);
  const run = async (options: Parameters<typeof generate>[3]): Promise<Written> => {
    const text = generate(model, tokenizer, prompt, { maxNewTokens: 48, ...options });
    let pieces = 0;
    for (;;) {
      const step = await text.next();
      if (step.done)
        return { text: step.value.text, pieces, tokensPerSecond: step.value.tokensPerSecond };
      pieces++;
    }
  };
  await run({ maxNewTokens: 8 }); // engines run code faster once they know it
  const ids = tokenizer.encode(prompt);
  const certified = certifyExperts(
    model,
    ids,
    selectExperts(readPrompt(model, ids).statistics, { density: 0.5 }),
  ).holds;
  return {
    full: await run({}),
    sparse: await run({ sparsity: { kind: "griffin", density: 0.5 } }),
    certified,
  };
}
