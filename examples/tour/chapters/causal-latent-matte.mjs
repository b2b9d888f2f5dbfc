// causal-latent, second half: sentences and what they would have been in the other style, by a stored model and by one trained now.
import { readFileSync } from "node:fs";
import { toTypedArray } from "@provably/core-tensor";
import { foldIn } from "@provably/core-tensor/random";
import {
  antonymBaseline,
  certifyCounterfactual,
  encodeLatents,
  loadMatte,
  inferNoise,
  trainMatte,
} from "@provably/causal-latent/matte";
import {
  LABELLED,
  SEED,
  TRAIN,
  config,
  data,
  judge,
  polesOf,
  scores,
  test,
  transfer,
} from "../../counterfactual-text/setup.mjs";
import { Plot, plotSvg } from "../lib/plot.mjs";
import { certificate, figure, heading, paragraph, table } from "../lib/report.mjs";

const STEPS = 150; // of 1600: what a few seconds of training give

/** The style's noise of the test sentences along the axis of the poles, measured from the middle. */
function along(model, { axis, middle }) {
  const { content, style } = encodeLatents(model, test.observed);
  const noise = toTypedArray(inferNoise(model, { content, style }, test.domains).style);
  return test.labels.map((label, i) => ({
    style: label === 1 ? "praise" : "blame",
    place: axis.reduce((sum, a, j) => sum + a * (noise[i * axis.length + j] - middle[j]), 0),
  }));
}

const row = (name, sentences) => {
  const s = scores(sentences);
  return [
    name,
    s.accuracy.toFixed(3),
    s.bleu.toFixed(1),
    s.content.toFixed(3),
    s.perplexity.toFixed(2),
  ];
};

/** The sections on counterfactual sentences. */
export function counterfactualSections({ progress }) {
  const { model } = loadMatte(
    readFileSync(new URL("../../models/review-transfer/model.safetensors", import.meta.url)),
  );
  const poles = polesOf(model);
  const reflected = transfer(model, { kind: "reflect", poles });
  const bar = progress(`counterfactual text: ${STEPS} steps of training`, STEPS);
  const young = trainMatte(data, config(), foldIn(SEED, "training"), {
    numSteps: STEPS,
    onProgress: ({ iteration }) => bar.step(iteration),
  });
  bar.finish();
  const certified = certifyCounterfactual(
    model,
    { observed: test.observed, labels: test.labels, domains: test.domains },
    { kind: "reflect", poles },
    judge,
  );
  const held = test.observed.shape[0];
  return [
    heading("Counterfactual sentences"),
    paragraph(
      `What would this review say, had its author been pleased? The model has learnt from ${TRAIN} short reviews of restaurants, films, electronics and hotels, with praise or blame marked on ${LABELLED} of them. It splits a sentence into content and style, where each domain has its own dependence between the two; a counterfactual keeps content and domain and reflects the noise that the style arose from.`,
    ),
    table(
      ["the sentence", "its counterfactual by the model, and the true one"],
      [0, 1, 2, 3, 4, 5, 6, 7].map((i) => [
        test.sentences[i],
        { html: `${reflected[i]}<br><span class="soft">${test.counterfactuals[i]}</span>` },
      ]),
    ),
    figure(
      plotSvg({
        width: 720,
        height: 240,
        marginBottom: 48,
        x: { label: "style noise along the axis of the two poles", labelOffset: 42 },
        y: { label: "sentences", grid: true },
        color: { legend: false, domain: ["blame", "praise"], range: ["#b3541e", "#3b6fb6"] },
        marks: [
          Plot.rectY(
            along(model, poles),
            Plot.binX(
              { y2: "count" },
              { x: "place", fill: "style", fillOpacity: 0.7, thresholds: 48, y1: 0 },
            ),
          ),
          Plot.ruleY([0]),
          Plot.ruleX([0], { strokeDasharray: "4 3" }),
        ],
      }),
      `The noise of ${held} held-out sentences: blame in brown, praise in blue. Reflecting changes the side of the dashed line and nothing else.`,
    ),
    table(
      ["", "style right", "BLEU to the true one", "content kept", "perplexity"],
      [
        row("the sentence itself", test.sentences),
        row(
          "antonyms, told every word",
          antonymBaseline(test.sentences, test.domains, foldIn(SEED, "antonyms")),
        ),
        row("the model", reflected),
        row(
          `the same after ${STEPS} of 1600 steps`,
          transfer(young, { kind: "reflect", poles: polesOf(young) }),
        ),
      ],
    ),
    ...Object.values(certified).map(({ certificate: shown }) => certificate(shown)),
    paragraph(
      "The list of antonyms is told which words praise and which blame, and wins where it is complete; the model found them from a tenth of the labels. That the latents are the true content and style is not certified: on vectors, where it can be checked, training recovers less than half of the style.",
    ),
  ];
}
