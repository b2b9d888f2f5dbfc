// Talks to a language model on this computer, with all of its feed-forward neurons and with those that the prompt chooses, side by side.
//   node examples/generate/main.mjs                                   the small model of the examples
//   node examples/generate/main.mjs --model path/to/folder --prompt "Once upon a time" --tokens 200 --density 0.5
// --model     a folder with config.json, safetensors and tokenizer.json, or a .gguf file in such a folder
// --method    griffin (default), magnitude, random, cats, teal, wanda; --density: share of neurons that stay, 0.5
// --dtype     float32 (default), int16 or int8; --temperature: 0 takes the most likely token (default); --seed, --top-p
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { dirname } from "node:path";
import { isCoreTensorError } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import {
  costModel,
  generate,
  loadModel,
  loadTokenizer,
} from "@provably/transformer-sparsity/griffin";
import { progressBar } from "../tour/lib/progress.mjs";

// a typed error says what is wrong; its stack would only hide it
process.on("uncaughtException", (error) => {
  console.error(
    isCoreTensorError(error) || error.code?.startsWith("ERR_PARSE_ARGS")
      ? `\n${error.message}`
      : error,
  );
  process.exit(1);
});

const { values } = parseArgs({
  options: {
    model: {
      type: "string",
      default: fileURLToPath(new URL("../models/tiny-llama-text/", import.meta.url)),
    },
    prompt: { type: "string", default: "And it came to pass in those days, that" },
    tokens: { type: "string", default: "60" },
    density: { type: "string", default: "0.5" },
    method: { type: "string", default: "griffin" },
    dtype: { type: "string", default: "float32" },
    temperature: { type: "string", default: "0" },
    "top-p": { type: "string", default: "1" },
    seed: { type: "string", default: "0" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log("Options, with their defaults:");
  for (const [name, value] of Object.entries(values))
    if (name !== "help") console.log(`  --${name.padEnd(12)} ${JSON.stringify(value)}`);
  process.exit(0);
}

const folder = values.model.endsWith(".gguf") ? dirname(values.model) : values.model;
let bar;
const model = await loadModel(values.model, {
  dtype: values.dtype,
  onProgress({ iteration, total }) {
    bar ??= progressBar("reading the model", total);
    bar.step(iteration);
  },
});
bar.finish();
const tokenizer = await loadTokenizer(folder);
const density = Number(values.density);
const { idealSpeedup } = costModel(model.config, { density });
console.log(
  `${model.config.family}, ${model.config.numLayers} layers, ${(model.sizeBytes / 1e6).toFixed(0)} MB of weights. ` +
    `At ${100 * density} % of the neurons ${idealSpeedup.toFixed(2)} times the speed would be ideal.\n`,
);

const common = {
  maxNewTokens: Number(values.tokens),
  sampling: { temperature: Number(values.temperature), topP: Number(values["top-p"]) },
  key: key(values.seed),
};
const runs = [
  ["all neurons", {}],
  [
    `${values.method}, ${100 * density} %`,
    {
      sparsity: {
        kind: values.method,
        density,
        ...(values.method === "random" && { key: key(values.seed) }),
      },
    },
  ],
];
// engines run code faster once they know it
for (const [, options] of runs) {
  const text = generate(model, tokenizer, values.prompt, {
    ...common,
    ...options,
    maxNewTokens: 16,
  });
  while (!(await text.next()).done);
}
const speeds = [];
for (const [name, options] of runs) {
  process.stdout.write(`── ${name} ──\n${values.prompt}`);
  const text = generate(model, tokenizer, values.prompt, { ...common, ...options });
  let step = await text.next();
  for (; !step.done; step = await text.next()) process.stdout.write(step.value);
  const { seconds, tokensPerSecond, tokens } = step.value;
  speeds.push(tokensPerSecond);
  console.log(
    `\n\n${tokens.length} tokens, ${tokensPerSecond.toFixed(0)} a second; prompt ${(1000 * seconds.prompt).toFixed(0)} ms, choice of neurons ${(1000 * seconds.selection).toFixed(0)} ms\n`,
  );
}
console.log(`Measured: ${(speeds[1] / speeds[0]).toFixed(2)} times the speed.`);
