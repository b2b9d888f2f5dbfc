// Fine-tunes a small language model on preferences of a scripted judge, with DPO and with offline VPO, token by token through automatic differentiation.
//   node examples/preferences/main.mjs
// Prompts are drawn from the model itself; the judge prefers shorter words. About five minutes on one core.
import { readFileSync } from "node:fs";
import {
  array,
  asType,
  item,
  stopGradient,
  take,
  toTypedArray,
  valueAndGrad,
} from "@provably/core-tensor";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { adamw, applyUpdates } from "@provably/core-tensor/optim";
import {
  batches,
  differentiable,
  dpoLoss,
  responseMask,
  scoreSequences,
  sequenceLogProbs,
  vpoLoss,
} from "@provably/rlhf-vpo";
import { categorical, foldIn, key } from "@provably/core-tensor/random";
import { loadTokenizer, logits, modelConfig } from "@provably/transformer-sparsity/griffin";
import { progressBar } from "../tour/lib/progress.mjs";
import { prefers } from "./judge.mjs";

const SEED = key("preferences");
const PROMPT = 8; // tokens of a prompt, the start token included
const LENGTH = 24; // tokens of prompt and response
const TRAIN = 192; // prompts to learn from
const TEST = 128; // prompts to judge on
const BATCH = 8;
const EPOCHS = 2;
const BETA = 0.1;

const folder = new URL("../models/tiny-llama-text/", import.meta.url);
const config = modelConfig(JSON.parse(readFileSync(new URL("config.json", folder), "utf8")));
const tokenizer = await loadTokenizer(folder);
const stored = decodeSafetensors(readFileSync(new URL("model.safetensors", folder)));
const reference = Object.fromEntries(
  Object.entries(stored.tensors).map(([name, x]) => [name, asType(x, "float32")]),
);

const tokens = (rows) =>
  array(Int32Array.from(rows.flat()), { dtype: "int32", shape: [rows.length, rows[0].length] });

/** Draws continuations of all rows, in step, up to `length` tokens. The start token is not drawn again. */
function continueRows(params, rows, length, randomKey, onStep = () => {}) {
  let grown = rows;
  for (let t = rows[0].length; t < length; t++) {
    const all = logits(params, tokens(grown), config);
    const last = Float32Array.from(toTypedArray(take(all, [t - 1], { axis: 1 })));
    for (let b = 0; b < rows.length; b++) last[b * config.vocabSize + config.bosToken] = -1e9;
    const next = toTypedArray(
      categorical(foldIn(randomKey, t), array(last, { shape: [rows.length, config.vocabSize] })),
    );
    grown = grown.map((row, b) => [...row, next[b]]);
    onStep();
  }
  return grown;
}

const text = (row) => tokenizer.decode(row.slice(PROMPT));
const mask = (rows) =>
  responseMask(
    rows.map(() => PROMPT),
    rows.map(() => LENGTH),
  );
const scores = (params, rows) =>
  sequenceLogProbs(logits(params, tokens(rows), config), tokens(rows), mask(rows)).logProbs;

/** One pass after another over the pairs with a loss; returns the tuned parameters. */
function finetune(name, loss, pairs) {
  const optimizer = adamw(2e-4, { weightDecay: 0 });
  let params = reference;
  let state = optimizer.init(params);
  const groups = Array.from({ length: EPOCHS }, (_, epoch) =>
    batches(foldIn(SEED, `order ${epoch}`), pairs, BATCH, { dropLast: true }),
  ).flat();
  const bar = progressBar(`${name}: ${groups.length} steps`, groups.length);
  const objective = differentiable(loss);
  groups.forEach((group, i) => {
    const rows = [...group.map(({ chosen }) => chosen), ...group.map(({ rejected }) => rejected)];
    const score = scoreSequences(tokens(rows), mask(rows));
    const half = (x, from) =>
      take(
        x,
        Int32Array.from({ length: group.length }, (_, k) => from + k),
      );
    const [value, gradient] = valueAndGrad((p) => {
      const logProbs = score(logits(p, tokens(rows), config));
      return objective({
        chosen: half(logProbs, 0),
        rejected: half(logProbs, group.length),
        refChosen: array(group.map(({ refChosen }) => refChosen)),
        refRejected: array(group.map(({ refRejected }) => refRejected)),
      });
    })(params);
    if (!Number.isFinite(item(stopGradient(value))))
      throw new Error(`${name}: the loss became ${item(value)}`);
    const [updates, next] = optimizer.update(gradient, state, params);
    params = applyUpdates(params, updates);
    state = next;
    bar.step(i + 1);
  });
  bar.finish();
  return params;
}

const prompts = continueRows(reference, Array.from({ length: TRAIN + TEST }, () => [config.bosToken]), PROMPT, foldIn(SEED, "prompts")); // prettier-ignore
const [train, test] = [prompts.slice(0, TRAIN), prompts.slice(TRAIN)];

const bar = progressBar("drawing responses", 2 * (LENGTH - PROMPT));
let drawn = 0;
const step = () => bar.step(++drawn);
const firsts = continueRows(reference, train, LENGTH, foldIn(SEED, "first"), step);
const seconds = continueRows(reference, train, LENGTH, foldIn(SEED, "second"), step);
bar.finish();
const judged = firsts
  .map((first, i) => ({
    first,
    second: seconds[i],
    verdict: prefers(text(first), text(seconds[i])),
  }))
  .filter(({ verdict }) => verdict !== 0.5);
const ordered = judged.map(({ first, second, verdict }) =>
  verdict === 1 ? { chosen: first, rejected: second } : { chosen: second, rejected: first },
);
const refScores = { chosen: scores(reference, ordered.map((p) => p.chosen)), rejected: scores(reference, ordered.map((p) => p.rejected)) }; // prettier-ignore
const pairs = ordered.map((pair, i) => ({
  ...pair,
  refChosen: refScores.chosen.get(i),
  refRejected: refScores.rejected.get(i),
}));
console.log(
  `${pairs.length} pairs; for example\n  + ${JSON.stringify(text(pairs[0].chosen))}\n  - ${JSON.stringify(text(pairs[0].rejected))}\n`,
);

const policies = {
  reference,
  DPO: finetune("DPO", (batch) => dpoLoss(batch, { beta: BETA }), pairs),
  VPO: finetune(
    "VPO",
    (batch) => vpoLoss(batch, { beta: BETA, alpha: 0.5, attitude: "pessimistic" }),
    pairs,
  ),
};

const answers = continueRows(reference, test, LENGTH, foldIn(SEED, "test reference")).map(text);
console.log(
  "\npolicy      win rate against the reference   pairs ranked right   change of ln π(chosen)",
);
for (const [name, params] of Object.entries(policies)) {
  const rows = continueRows(params, test, LENGTH, foldIn(SEED, "test policy"));
  const verdicts = rows.map((row, i) => prefers(text(row), answers[i]));
  const rate = verdicts.reduce((a, b) => a + b, 0) / verdicts.length;
  const error = 1.96 * Math.sqrt((rate * (1 - rate)) / verdicts.length);
  const [chosen, rejected] = [scores(params, ordered.map((p) => p.chosen)), scores(params, ordered.map((p) => p.rejected))]; // prettier-ignore
  const right =
    pairs.filter((p, i) => chosen.get(i) - p.refChosen > rejected.get(i) - p.refRejected).length /
    pairs.length;
  const change = pairs.reduce((sum, p, i) => sum + chosen.get(i) - p.refChosen, 0) / pairs.length;
  console.log(
    `${name.padEnd(12)}${rate.toFixed(3)} ± ${error.toFixed(3)}`.padEnd(45) +
      `${right.toFixed(3)}`.padEnd(21) +
      `${change >= 0 ? "+" : ""}${change.toFixed(2)}`,
  );
}
