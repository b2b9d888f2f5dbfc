// score-diffusion: how fast five samplers reach the exact flow, and what that looks like on handwritten digits.
import { array, toTypedArray } from "@provably/core-tensor";
import { foldIn, key } from "@provably/core-tensor/random";
import {
  acceleratedOde,
  acceleratedOdeMultistep,
  acceleratedSde,
  certifyOrder,
  convergence,
  ddpm,
  empiricalDistribution,
  gaussianMixture,
  theorySchedule,
  pfOde,
  sample,
} from "@provably/score-diffusion";
import { ddim } from "@provably/score-diffusion/samplers";
import { digits } from "../lib/digits.mjs";
import { dataUri, imageGrid } from "../lib/image.mjs";
import { Plot, plotSvg } from "../lib/plot.mjs";
import { certificate, figure, heading, image, paragraph, table } from "../lib/report.mjs";
import { posteriorSections } from "./score-diffusion-posterior.mjs";

const SEED = key("tour of score-diffusion");

const plane = gaussianMixture({
  weights: [0.3, 0.5, 0.2],
  means: [
    [-1.5, -0.5],
    [1, 1.2],
    [1.4, -1.3],
  ],
  covariances: [
    [
      [0.2, 0.05],
      [0.05, 0.1],
    ],
    [
      [0.15, -0.04],
      [-0.04, 0.3],
    ],
    [
      [0.05, 0],
      [0, 0.08],
    ],
  ],
});
const line = gaussianMixture({
  weights: [0.4, 0.6],
  means: [[-1.2], [1]],
  variances: [0.09, 0.16],
});

const deterministic = [pfOde, ddim(), acceleratedOde, acceleratedOdeMultistep];
const stochastic = [ddpm, acceleratedSde];

function measure(samplers, law, numSteps, progress, label) {
  const bar = progress(label, samplers.length * numSteps.length);
  let done = 0;
  const curves = samplers.map((sampler) => ({
    sampler: sampler.name,
    ...convergence(sampler, law, SEED, { numSteps, onProgress: () => bar.step(++done) }),
  }));
  bar.finish();
  return curves;
}

function curveTable(curves) {
  return table(
    ["sampler", ...curves[0].numSteps.map((t) => `T = ${t}`), "order in ln T / T"],
    curves.map(({ sampler, errors, order }) => [
      sampler,
      ...errors.map((e) => e.toExponential(2)),
      order.toFixed(2),
    ]),
  );
}

function curvePlot(curves, label) {
  const points = curves.flatMap(({ sampler, numSteps, errors }) =>
    numSteps.map((steps, i) => ({ sampler, steps, error: errors[i] })),
  );
  return plotSvg({
    width: 720,
    height: 380,
    marginLeft: 60,
    marginRight: 180,
    x: {
      type: "log",
      label: "number of steps T",
      ticks: curves[0].numSteps,
      tickFormat: (t) => String(t),
    },
    y: { type: "log", label, grid: true, tickFormat: "~e" },
    color: { scheme: "Observable10" },
    marks: [
      Plot.line(points, { x: "steps", y: "error", stroke: "sampler", strokeWidth: 2 }),
      Plot.dot(points, { x: "steps", y: "error", fill: "sampler" }),
      Plot.text(
        curves.map(({ sampler, numSteps, errors }) => ({
          sampler,
          steps: numSteps.at(-1),
          error: errors.at(-1),
        })),
        {
          x: "steps",
          y: "error",
          text: "sampler",
          fill: "sampler",
          textAnchor: "start",
          dx: 8,
        },
      ),
    ],
  });
}

/** Eight digits from each sampler at each number of steps, all from the same noise. */
function drawDigits(progress) {
  const { images, count, size } = digits(300);
  const law = empiricalDistribution(
    array(
      images.map((v) => 2 * v - 1),
      { shape: [count, size] },
    ),
  );
  const samplers = [pfOde, ddim(), acceleratedOde, acceleratedOdeMultistep, acceleratedSde];
  const stepCounts = [5, 10, 20, 40];
  const columns = 8;
  const bar = progress(
    `digits: ${samplers.length} samplers in ${stepCounts.join(", ")} steps on ${count} images`,
    samplers.length * 75,
  );
  let done = 0;
  const grids = samplers.map((sampler) =>
    stepCounts.map((numSteps) => {
      // the theorems' schedule at few steps: the constant is what still fits below 1
      const schedule = theorySchedule(numSteps, {
        c0: 1.2,
        c1: Math.min(4, (0.98 * numSteps) / Math.log(numSteps)),
      });
      const { samples } = sample(sampler, law, foldIn(SEED, "digits"), {
        shape: [columns, size],
        schedule,
        noiselessLastStep: true,
        onProgress: () => bar.step(++done),
      });
      const values = toTypedArray(samples);
      return Array.from({ length: columns }, (_, i) =>
        values.subarray(i * size, (i + 1) * size).map((v) => (v + 1) / 2),
      );
    }),
  );
  bar.finish();
  return { samplers, stepCounts, grids, count };
}

export const scoreDiffusion = {
  name: "score-diffusion",
  title: "Diffusion samplers with orders of convergence",
  async run({ progress, savePng }) {
    const flows = measure(
      deterministic,
      plane,
      [40, 80, 160, 320, 640],
      progress,
      "errors of the deterministic samplers",
    );
    const paths = measure(
      stochastic,
      line,
      [25, 50, 100],
      progress,
      "path divergence of the stochastic samplers",
    );
    const certify = (samplers, law) =>
      samplers.map((sampler) => ({ sampler, ...certifyOrder(sampler, law, SEED) }));
    const certificates = [...certify(deterministic, plane), ...certify(stochastic, line)];
    const { samplers, stepCounts, grids, count } = drawDigits(progress);
    const pictures = grids.map((rows, i) => {
      const png = imageGrid(rows, { scale: 2 });
      savePng(`digits-${samplers[i].name}.png`, png);
      return image(
        dataUri(png),
        `Digits drawn by ${samplers[i].name}, one row for each number of steps`,
        `<strong>${samplers[i].name}</strong>. Rows from the top: ${stepCounts.join(", ")} steps. The same starting noise in every row and for every sampler.`,
      );
    });
    savePng(
      "digits.png",
      imageGrid(
        grids.map((rows) => rows[1]),
        { scale: 2 },
      ),
    );
    return [
      paragraph(
        "A diffusion model turns noise into data step by step. How many steps are enough? The theorems say how fast the error falls with the number of steps T: like 1/T for the plain deterministic sampler, like 1/T² for the accelerated one; on paths like 1/√T for the plain stochastic sampler, like 1/T for the accelerated one. Here the score of the law is known exactly, so every error below belongs to the sampler alone.",
      ),
      heading("Deterministic samplers: distance to the exact flow"),
      paragraph(
        "A mixture of three normal laws in the plane, 128 starting points, the schedule of the theorems. The error is the median distance at Y<sub>1</sub> from the probability flow, integrated to rounding. Steps of this schedule are about ln T / T long, so the order is the slope against that.",
      ),
      figure(
        curvePlot(flows, "distance to the exact flow"),
        "Error against the number of steps, both logarithmic. The accelerated samplers fall about twice as steeply.",
      ),
      curveTable(flows),
      heading("Stochastic samplers: divergence of paths"),
      paragraph(
        "A mixture of two normal laws on the line. The error is the square root of half the Kullback-Leibler divergence between the sampler's path and the true reverse process; by Pinsker's inequality it bounds the total variation.",
      ),
      figure(
        curvePlot(paths, "√(½ path divergence)"),
        "The bound against the number of steps, both logarithmic.",
      ),
      curveTable(paths),
      heading("Certificates"),
      ...certificates.map(({ sampler, ...rest }) =>
        certificate({ ...rest, claim: `${sampler.name}: ${rest.claim}` }),
      ),
      heading("Handwritten digits"),
      paragraph(
        `${count} digits from MNIST as an empirical distribution, whose exact score is attention over the data. With the exact score of a finite data set the end of the road is always one of its images; what differs is how few steps get there. The plain deterministic sampler needs more than 20 steps for a clean digit; its accelerated form is legible at 10; the one-evaluation form, DDIM and the accelerated stochastic sampler are clean from 5 on.`,
      ),
      ...pictures,
      ...posteriorSections({ progress, savePng }),
    ];
  },
};
