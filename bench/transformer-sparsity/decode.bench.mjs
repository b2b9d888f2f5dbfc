// How fast does a language model write, with all neurons and with half of them, and how fast does it read? One thread, 134 million random weights.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  costModel,
  decodeStep,
  languageModel,
  loadModel,
  prefill,
  readPrompt,
  sparsify,
} from "@provably/transformer-sparsity/griffin";
import { config, extents, ggufFile, parameters, someTokens } from "./model.mjs";

const PROMPT = 64;
const READ = 256;

/** One step after another, from the end of the prompt and again from there after a while. */
function stepper(model, cache, options) {
  let at = cache;
  return () => {
    if (at.length > PROMPT + 32) at = cache;
    ({ cache: at } = decodeStep(model, at, 5, options));
  };
}

/** A step of the full model against moving as many bytes from one place to another. */
function bandwidth(dtype) {
  return {
    name: `one token, ${dtype}, all neurons, against a copy of as many bytes`,
    bars: dtype === "float32" ? [{ peer: "plain copy", ratio: 0.8 }] : [],
    async contestants() {
      const model = languageModel(parameters(), config, { dtype });
      const { cache } = prefill(model, someTokens(PROMPT));
      const [from, to] = [new Uint8Array(model.sizeBytes).fill(1), new Uint8Array(model.sizeBytes)];
      return [
        { name: "transformer-sparsity", run: stepper(model, cache) },
        { name: "plain copy", run: () => to.set(from) },
      ];
    },
  };
}

/** Half the neurons against all of them, beside what the weights read would give. */
function sparsity(dtype) {
  const bytesPerWeight = { float32: 4, int8: 1 }[dtype];
  const ideal = costModel(config, {
    density: 0.5,
    context: PROMPT,
    bytesPerWeight,
  }).idealSpeedupWithCache;
  return {
    name: `one token, ${dtype}, GRIFFIN at 50 % (ideal ${ideal.toFixed(2)})`,
    bars: [{ peer: "all neurons", ratio: 0.9 * ideal }],
    async contestants() {
      const model = languageModel(parameters(), config, { dtype });
      const prompt = readPrompt(model, someTokens(PROMPT));
      const { feedForward } = sparsify(model, prompt, { kind: "griffin", density: 0.5 });
      return [
        { name: "half the neurons", run: stepper(model, prompt.cache, { feedForward }) },
        { name: "all neurons", run: stepper(model, prompt.cache) },
      ];
    },
  };
}

/** The same GGUF file in llama.cpp. Its step also chooses the most likely token. */
function llamaCpp(type, dtype) {
  return {
    name: `one token, GGUF file in ${type}`,
    bars: [{ peer: "llama.cpp", ratio: 0.5 }],
    async contestants({ peers }) {
      const folder = mkdtempSync(join(tmpdir(), "provably-gguf-"));
      const file = join(folder, "model.gguf");
      writeFileSync(file, ggufFile(type));
      const model = await loadModel(file, { dtype });
      const { cache } = prefill(model, someTokens(PROMPT));
      const list = [{ name: "transformer-sparsity", run: stepper(model, cache) }];
      const llama = peers["llama.cpp"]?.llama;
      if (llama) {
        const other = await llama.loadModel({ modelPath: file, useMmap: false });
        const context = await other.createContext({ contextSize: 2048, threads: 1 });
        const sequence = context.getSequence();
        await sequence.evaluateWithoutGeneratingNewTokens(someTokens(PROMPT));
        const run = async () => {
          await sequence.controlledEvaluate([
            [5, { generateNext: { token: true, options: { temperature: 0 } } }],
          ]);
          await sequence.eraseContextTokenRanges([{ start: PROMPT, end: PROMPT + 1 }]);
        };
        list.push({ name: "llama.cpp", async: true, run });
      }
      rmSync(folder, { recursive: true });
      return list;
    },
  };
}

const reading = {
  name: `reading ${READ} tokens`,
  bars: [{ peer: "pytorch", ratio: 0.4, node: 24 }],
  async contestants({ torch }) {
    const model = languageModel(parameters(), config);
    const ids = someTokens(READ);
    const list = [
      { name: "transformer-sparsity", run: () => prefill(model, ids) },
      { name: "with statistics", run: () => readPrompt(model, ids) },
    ];
    const { layers, hidden, ff, heads, kvHeads, headDim, vocab } = extents;
    if (torch)
      list.push({
        name: "pytorch",
        time: (times) =>
          torch.time(
            ["llama_prefill", layers, hidden, ff, heads, kvHeads, headDim, vocab, READ],
            times,
          ),
      });
    return list;
  },
};

export default {
  title: "language model of 134 million weights, one thread",
  cases: [
    bandwidth("float32"),
    bandwidth("int8"),
    sparsity("float32"),
    sparsity("int8"),
    llamaCpp("f32", "float32"),
    llamaCpp("f16", "int16"),
    reading,
  ],
};
