// transformer-sparsity/griffin: half of the feed-forward neurons of a language model, chosen by the prompt, write nearly the same text faster.
import { readFileSync } from "node:fs";
import { key } from "@provably/core-tensor/random";
import {
  certifyContinuation,
  certifyExperts,
  costModel,
  decodeStep,
  expectedJaccard,
  flockingHeatMap,
  generateTokens,
  jaccardSimilarity,
  loadModel,
  loadTokenizer,
  readPrompt,
  sparsitySavings,
  scoreContinuation,
  selectExperts,
  sparsify,
} from "@provably/transformer-sparsity/griffin";
import { dataUri, imageGrid } from "../lib/image.mjs";
import { Plot, plotSvg } from "../lib/plot.mjs";
import { certificate, figure, heading, image, paragraph, table } from "../lib/report.mjs";

const PROMPT = 128;
const LENGTH = 256;
const WINDOWS = 8;
const DENSITIES = [1, 0.75, 0.5, 0.25];
const mean = (x) => x.reduce((a, b) => a + b, 0) / x.length;

/** Passages of 256 tokens that the model was not trained on. */
function heldOut() {
  const file = readFileSync(new URL("../data/held-out-windows.u16", import.meta.url));
  const ids = new Uint16Array(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
  return Array.from({ length: WINDOWS }, (_, i) => [
    ...ids.subarray(2 * i * LENGTH, (2 * i + 1) * LENGTH),
  ]);
}

/** Perplexity of the second halves of passages, given the first, for several ways to choose neurons. */
function perplexities(model, windows, prompts, progress) {
  const magnitude = sparsify(model, prompts[0], { kind: "magnitude", density: 0.5 }).experts;
  const ways = [
    ...DENSITIES.map((density) => ({
      name: "GRIFFIN",
      density,
      method: () => ({ kind: "griffin", density }),
    })),
    {
      name: "another prompt's",
      density: 0.5,
      method: (i) => ({
        kind: "experts",
        experts: selectExperts(prompts[(i + 3) % WINDOWS].statistics, { density: 0.5 }),
      }),
    },
    {
      name: "random",
      density: 0.5,
      method: (i) => ({ kind: "random", density: 0.5, key: key(i) }),
    },
    {
      name: "largest weights",
      density: 0.5,
      method: () => ({ kind: "experts", experts: magnitude }),
    },
  ];
  const bar = progress(
    `perplexity of ${WINDOWS} passages, ${ways.length} ways to choose neurons`,
    ways.length,
  );
  const rows = ways.map(({ name, density, method }, way) => {
    const losses = windows.map((ids, i) => {
      const sparse = density < 1 ? sparsify(model, prompts[i], method(i)) : undefined;
      const { logProbs } = scoreContinuation(model, prompts[i], ids.slice(PROMPT), sparse);
      sparse?.free();
      return -mean(logProbs.subarray(1));
    });
    bar.step(way + 1);
    return { name, density, perplexity: Math.exp(mean(losses)) };
  });
  bar.finish();
  return rows;
}

/** Tokens a second by density, the fastest of interleaved rounds, beside the ideal. */
function speeds(model, prompt) {
  const runs = DENSITIES.map((density) => {
    const { feedForward } = sparsify(model, prompt, { kind: "griffin", density });
    return { density, step: { feedForward }, best: Infinity };
  });
  for (let round = 0; round < 40; round++)
    for (const run of runs) {
      const start = performance.now();
      for (let i = 0; i < 3; i++) decodeStep(model, prompt.cache, 5, run.step);
      run.best = Math.min(run.best, (performance.now() - start) / 3);
    }
  return runs.map(({ density, best }) => ({
    density,
    perSecond: 1000 / best,
    measured: runs[0].best / best,
    ideal: costModel(model.config, { density, context: PROMPT }).idealSpeedupWithCache,
  }));
}

/** How alike the neurons are that two halves of a passage, and two passages, choose: mean Jaccard similarity by layer. */
function likeness(model, windows, prompts) {
  const chosen = prompts.map(
    ({ statistics }) => selectExperts(statistics, { density: 0.5 }).layers,
  );
  const seconds = windows.map(
    (ids) =>
      selectExperts(readPrompt(model, ids.slice(PROMPT)).statistics, { density: 0.5 }).layers,
  );
  return model.layers.map((_, layer) => {
    const within = chosen.map((layers, i) => jaccardSimilarity(layers[layer], seconds[i][layer]));
    const between = chosen.flatMap((a, i) =>
      chosen.slice(i + 1).map((b) => jaccardSimilarity(a[layer], b[layer])),
    );
    return { layer, within: mean(within), between: mean(between) };
  });
}

/** The activations of one passage in the middle layer, dark where a neuron carries much of a token. */
function flocking(model, ids) {
  const layer = 2;
  const { activations } = readPrompt(model, ids, { keepActivations: true });
  const { values, shape } = flockingHeatMap(activations[layer].activations, model.config.ffSize, {
    maxTokens: 128,
    maxNeurons: 320,
  });
  const dark = [...values].sort((a, b) => a - b)[Math.floor(0.99 * values.length)];
  return imageGrid([[values.map((v) => Math.min(1, v / dark))]], {
    height: shape[0],
    width: shape[1],
    scale: 2,
    gap: 0,
  });
}

export async function griffinSections({ progress }) {
  const folder = new URL("../../models/tiny-llama-text/", import.meta.url);
  const [model, tokenizer] = [await loadModel(folder), await loadTokenizer(folder)];
  const windows = heldOut();
  const prompts = windows.map((ids) => readPrompt(model, ids.slice(0, PROMPT)));
  const rows = perplexities(model, windows, prompts, progress);
  const timing = speeds(model, prompts[0]);
  const alike = likeness(model, windows, prompts);
  const passage = windows[0];
  const half = sparsify(model, prompts[0], { kind: "griffin", density: 0.5 });
  const saved = sparsitySavings(model, half.experts, { context: PROMPT });
  const shown = tokenizer.encode("And it came to pass in those days, that");
  const write = (sparsity) =>
    tokenizer.decode(
      [...generateTokens(model, shown, { maxNewTokens: 40, ...(sparsity && { sparsity }) })].map(
        (t) => t.token,
      ),
    );
  const quote = (text) => text.replace(/[&<>]/g, "").replaceAll("\n", " / ");
  return [
    heading("Neurons flock"),
    paragraph(
      "In one passage the same feed-forward neurons carry most of every token, and which they are differs between passages. Rows are tokens of a held-out passage, columns the first 320 neurons of the third layer of a small Llama; dark is a large share of the token. Vertical streaks are neurons that stay active.",
    ),
    image(
      dataUri(flocking(model, passage.slice(0, PROMPT))),
      "Relative activations of neurons over the tokens of a passage",
      "128 tokens, 320 neurons.",
    ),
    table(
      ["layer", "two halves of a passage", "two passages", "chance"],
      alike.map(({ layer, within, between }) => [
        layer,
        within.toFixed(3),
        between.toFixed(3),
        expectedJaccard(model.config.ffSize, model.config.ffSize / 2).toFixed(3),
      ]),
    ),
    paragraph(
      "Mean Jaccard similarity of the sets of the better half of the neurons. Halves of one passage agree more than passages do.",
    ),
    heading("The prompt chooses"),
    paragraph(
      "GRIFFIN reads the prompt in full, keeps the neurons with the largest relative activation and writes on with those alone. The picture shows the perplexity of the second half of held-out passages given the first half.",
    ),
    figure(
      plotSvg({
        width: 720,
        height: 340,
        marginTop: 36,
        marginRight: 130,
        marginBottom: 48,
        x: { label: "share of neurons that stay", labelOffset: 42, domain: [0.2, 1.02] },
        y: {
          type: "log",
          domain: [13, 300],
          label: "perplexity",
          grid: true,
          ticks: [20, 50, 100, 200],
          tickFormat: "d",
        },
        marks: [
          Plot.line(rows.filter(({ name }) => name === "GRIFFIN"), { x: "density", y: "perplexity", stroke: "#4269d0", strokeWidth: 2 }), // prettier-ignore
          Plot.dot(rows, {
            x: "density",
            y: "perplexity",
            fill: (d) => (d.name === "GRIFFIN" ? "#4269d0" : "#e8743b"),
            r: 4,
          }),
          Plot.text(rows.filter(({ name, density }) => name !== "GRIFFIN" || density === 1), { x: "density", y: "perplexity", text: (d) => (d.density === 1 ? "all neurons" : d.name), textAnchor: "start", dx: 9 }), // prettier-ignore
        ],
      }),
      `Blue: neurons chosen by the passage's own first half. Orange, at one half: other ways to choose. ${WINDOWS} passages of 128 + 128 tokens.`,
    ),
    paragraph(
      "This model has 3.5 million parameters and flocks less than the models of 7 billion that the method was published for; there one half costs little on most tasks.",
    ),
    certificate(certifyExperts(model, passage.slice(0, PROMPT), half.experts)),
    ...[0.75, 0.5].map((density) => {
      const sparse =
        density === 0.5 ? half : sparsify(model, prompts[0], { kind: "griffin", density });
      const c = certifyContinuation(model, prompts[0], passage.slice(PROMPT), sparse);
      return certificate({
        ...c,
        claim: `${100 * density} % of the neurons: ${c.claim} (${c.tolerance})`,
      });
    }),
    heading("What it saves"),
    table(
      ["neurons that stay", "tokens a second", "speed-up", "ideal"],
      timing.map(({ density, perSecond, measured, ideal }) => [
        `${100 * density} %`,
        perSecond.toFixed(0),
        measured.toFixed(2),
        ideal.toFixed(2),
      ]),
    ),
    paragraph(
      `Ideal is the ratio of weights read. Half the neurons need ${(saved.bytesSaved / 1e6).toFixed(1)} MB and ${(saved.flopsSaved / 1e6).toFixed(1)} million operations a token less. Choosing and packing them takes as long as a few tokens.`,
    ),
    heading("What it writes"),
    ...[1, 0.75, 0.5].map((density) => {
      const text = write(density < 1 ? { kind: "griffin", density } : undefined);
      return paragraph(
        `<strong>${100 * density} %</strong>: And it came to pass in those days, that<em>${quote(text)}</em> …`,
      );
    }),
  ];
}
