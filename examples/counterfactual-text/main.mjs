// Turns praise into blame and back, keeping what is spoken of: a model trained on reviews of four domains with one label in ten.
//   node examples/counterfactual-text/main.mjs               train and compare, one to two minutes on one core
//   node examples/counterfactual-text/main.mjs --ablations   also without labels, adversary, flows, domains, sparsity: six trainings
//   node examples/counterfactual-text/main.mjs --save FILE   also store the model
import { writeFileSync } from "node:fs";
import { foldIn } from "@provably/core-tensor/random";
import {
  antonymBaseline,
  certifyCounterfactual,
  corpusBleu,
  reviewLexicon,
  saveMatte,
  trainMatte,
} from "@provably/causal-latent/matte";
import { progressBar } from "../tour/lib/progress.mjs";
import {
  LABELLED,
  SEED,
  TRAIN,
  config,
  data,
  judge,
  polesOf,
  reconstruct,
  scores,
  target,
  test,
  transfer,
  vocabulary,
} from "./setup.mjs";

const STEPS = 1600;
const flags = process.argv.slice(2);

function train(name, settings, rows = data) {
  const bar = progressBar(`${name}: ${STEPS} steps`, STEPS);
  const before = process.cpuUsage();
  const model = trainMatte(rows, settings, foldIn(SEED, "training"), {
    numSteps: STEPS,
    onProgress: ({ iteration }) => bar.step(iteration),
  });
  bar.finish();
  const { user, system } = process.cpuUsage(before);
  return { model, seconds: (user + system) / 1e6 };
}

console.log(
  `${TRAIN} sentences, ${LABELLED} of them labelled, ${vocabulary.words.length} words; ${test.sentences.length} sentences to transfer`,
);
const { model, seconds } = train("training", config());
const poles = polesOf(model);
console.log(
  `\ntrained in ${seconds.toFixed(0)} s of processor time; BLEU of reconstructions ${corpusBleu(test.sentences, reconstruct(model)).toFixed(1)}`,
);

// The rival knows a list of words; here with all of it, and with half the adjectives of every domain.
const half = Object.fromEntries(
  Object.entries(reviewLexicon.domains).map(([name, words]) => [
    name,
    { ...words, pos: words.pos.slice(0, 2), neg: words.neg.slice(0, 2) },
  ]),
);
const swap = (lexicon) =>
  antonymBaseline(test.sentences, test.domains, foldIn(SEED, "antonyms"), { lexicon });
const reflected = transfer(model, { kind: "reflect", poles });
const rows = [
  ["the sentence itself", test.sentences],
  ["antonyms, told all words", swap(reviewLexicon)],
  ["antonyms, told half", swap({ ...reviewLexicon, domains: half })],
  ["matte, reflect", reflected],
  ["matte, reflect to target", transfer(model, { kind: "reflect", poles, target })],
  ["matte, axis", transfer(model, { kind: "axis", poles, target })],
  ["matte, pole", transfer(model, { kind: "pole", poles, target })],
  ["matte, noise", transfer(model, { kind: "noise" })],
];
if (flags.includes("--ablations")) {
  const unlabelled = { observed: data.observed, domains: data.domains };
  const ablations = [
    ["no labels", config({ weights: { adversary: 0 } }), unlabelled],
    ["no adversary", config({ weights: { adversary: 0 } }), data],
    ["standard prior", config({ prior: "standard" }), data],
    [
      "affine flows",
      config({ contentFlow: { kind: "affine" }, styleFlow: { kind: "affine" } }),
      data,
    ],
    ["domains hidden", config({ numDomains: 1 }), { ...data, domains: data.domains.map(() => 0) }],
    ["no sparsity", config({ weights: { sparsity: 0 } }), data],
  ];
  for (const [name, settings, seen] of ablations) {
    const other = train(name, settings, seen).model;
    const flip = { kind: "reflect", poles: polesOf(other, seen) };
    rows.push([
      name,
      transfer(other, flip, settings.numDomains === 1 ? test.domains.map(() => 0) : test.domains),
    ]);
  }
}

console.log(
  "\n                            accuracy   BLEU to truth   BLEU to source   content kept   all of it kept   perplexity",
);
for (const [name, sentences] of rows) {
  const s = scores(sentences);
  const cells = [
    s.accuracy.toFixed(3),
    s.bleu.toFixed(1),
    s.self.toFixed(1),
    s.content.toFixed(3),
    s.whole.toFixed(3),
    s.perplexity.toFixed(2),
  ];
  console.log(
    `${name.padEnd(26)} ${[10, 15, 16, 14, 16, 12].map((width, i) => cells[i].padStart(width)).join(" ")}`,
  );
}

console.log("\nthe sentence / its counterfactual by the model / the true one");
for (let i = 0; i < 6; i++)
  console.log(`  ${test.sentences[i]}\n    ${reflected[i]}\n    ${test.counterfactuals[i]}`);

const certified = certifyCounterfactual(
  model,
  { observed: test.observed, labels: test.labels, domains: test.domains },
  { kind: "reflect", poles },
  judge,
);
console.log("");
for (const { estimate, certificate } of Object.values(certified)) {
  const range = estimate.interval.map((x) => x.toFixed(3)).join(" to ");
  console.log(
    `${certificate.holds ? "holds" : "does not hold"}: ${certificate.claim} ≥ ${certificate.expected[0]}: ${estimate.value.toFixed(3)} (${range})`,
  );
}

const save = flags.indexOf("--save");
if (save >= 0)
  writeFileSync(
    flags[save + 1],
    saveMatte(model, { metadata: { vocabulary: vocabulary.words.join(" ") } }),
  );
