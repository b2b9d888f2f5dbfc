// What does a model lose with fewer neurons, and does it matter whose prompt chose them?
//   npm run griffin:evaluate -- path/to/folder texts/        a model (folder or .gguf) and a folder of .txt files, best of other kinds than it was trained on
// --prompt 256 --continuation 128   tokens of each text that are read, and that are scored after them; shorter texts are left out
// --texts 20                        at most so many texts, in the order of their names
// --densities 0.75,0.5,0.25         --methods griffin,otherPrompt,random,magnitude,wanda,cats,teal
// --dtype float32                   --json: prints the numbers instead of the table
// Perplexity of the continuation given the prompt, teacher forced, geometric mean over texts. Beside it the ratio to the full model with an interval of 95 % (Student's t of the
// logarithms over texts); and for griffin the ratio to the same number of neurons chosen by another text's prompt, the control that says whether the prompt matters.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { foldIn, key } from "@provably/core-tensor/random";
import {
  loadModel,
  loadTokenizer,
  readPrompt,
  scoreContinuation,
  selectExperts,
  sparsify,
} from "@provably/transformer-sparsity/griffin";
import { ratioInterval } from "./interval.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompt: { type: "string", default: "256" },
    continuation: { type: "string", default: "128" },
    texts: { type: "string", default: "20" },
    densities: { type: "string", default: "0.75,0.5,0.25" },
    methods: { type: "string", default: "griffin,otherPrompt,random,magnitude,wanda,cats,teal" },
    dtype: { type: "string", default: "float32" },
    json: { type: "boolean", default: false },
  },
});
const [source, texts] = positionals;
if (texts === undefined) {
  console.error("give a model and a folder of texts: npm run griffin:evaluate -- folder texts/");
  process.exit(1);
}

const model = await loadModel(source, { dtype: values.dtype });
const tokenizer = await loadTokenizer(source);
const [promptLength, scored] = [Number(values.prompt), Number(values.continuation)];
const samples = readdirSync(texts)
  .filter((name) => name.endsWith(".txt"))
  .sort()
  .map((name) => ({ name, ids: tokenizer.encode(readFileSync(join(texts, name), "utf8")) }))
  .filter(({ ids }) => ids.length >= promptLength + scored)
  .slice(0, Number(values.texts));
if (samples.length < 2) {
  console.error(
    `two texts or more of at least ${promptLength + scored} tokens are needed, got ${samples.length} in ${texts}`,
  );
  process.exit(1);
}

const prompts = samples.map(({ ids }) =>
  readPrompt(model, ids.slice(0, promptLength), { keepActivations: model.config.mixture === null }),
);
/** Mean loss of the continuation of text `i` in nats a token. */
function loss(i, sparse) {
  const ids = samples[i].ids.slice(promptLength, promptLength + scored);
  const { logProbs } = scoreContinuation(model, prompts[i], ids, sparse);
  sparse?.free();
  // the first token comes from the full model in any case
  return -logProbs.subarray(1).reduce((a, b) => a + b, 0) / (logProbs.length - 1);
}
const full = samples.map((_, i) => loss(i));

function methodOf(name, density, i) {
  if (name === "otherPrompt") {
    const { statistics } = prompts[(i + 1) % prompts.length];
    return { kind: "experts", experts: selectExperts(statistics, { density }) };
  }
  if (name === "random") return { kind: "random", density, key: foldIn(key("evaluate"), i) };
  return { kind: name, density };
}

const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
const rows = [{ method: "full", density: 1, losses: full }];
for (const density of values.densities.split(",").map(Number))
  for (const method of values.methods.split(",")) {
    try {
      const losses = samples.map((_, i) =>
        loss(i, sparsify(model, prompts[i], methodOf(method, density, i))),
      );
      rows.push({ method, density, losses });
    } catch (error) {
      if (error.name !== "DomainError") throw error;
      console.error(`${method} at ${density}: ${error.message}`);
    }
    if (!values.json) console.error(`${method} at ${density} is done`);
  }

const results = rows.map(({ method, density, losses }) => {
  const other = rows.find((row) => row.method === "otherPrompt" && row.density === density);
  const against = (reference) => ratioInterval(losses.map((x, i) => x - reference[i]));
  return {
    method,
    density,
    perplexity: Math.exp(mean(losses)),
    toFull: against(full),
    ...(method === "griffin" && other && { toOtherPrompt: against(other.losses) }),
  };
});
if (values.json)
  console.log(
    JSON.stringify({ texts: samples.map(({ name }) => name), promptLength, scored, results }),
  );
else {
  const shown = ({ ratio, low, high }) =>
    `${ratio.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
  console.log(
    `${samples.length} texts, ${promptLength} tokens read and ${scored} scored of each, ${model.config.family}`,
  );
  console.table(
    results.map(({ method, density, perplexity, toFull, toOtherPrompt }) => ({
      method,
      density,
      perplexity: perplexity.toFixed(2),
      "over full": method === "full" ? "" : shown(toFull),
      "over another prompt's": toOtherPrompt ? shown(toOtherPrompt) : "",
    })),
  );
  for (const { density, toOtherPrompt } of results)
    if (toOtherPrompt)
      console.log(
        toOtherPrompt.high < 1
          ? `At ${density} the own prompt's neurons are better than another's: the prompt matters.`
          : `At ${density} nothing shows that the own prompt's neurons are better than another's.`,
      );
}
