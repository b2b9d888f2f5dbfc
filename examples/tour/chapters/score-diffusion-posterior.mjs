// The part of the chapter on diffusion that solves inverse problems: exact posteriors of a mixture, and held-out digits.
import { mean, reshape, slice, tile } from "@provably/core-tensor";
import { foldIn, key } from "@provably/core-tensor/random";
import { annealing, ddsDdim, dpnp } from "@provably/score-diffusion";
import { piGdm } from "@provably/score-diffusion/baselines";
import { heldOut, judge, measuredPictures, priorOf, problems } from "../../posterior/digits.mjs";
import { compare, meanAndError, problems as planeProblems } from "../../posterior/mixture.mjs";
import { dataUri, imageGrid } from "../lib/image.mjs";
import { Plot, plotSvg } from "../lib/plot.mjs";
import { certificate, figure, heading, image, paragraph, table } from "../lib/report.mjs";

const SEED = key("tour of posteriors");
const DIGITS = 4;
const CHAINS = 3;

/** Draws of four methods from the posterior of one-bit measurements in the plane, beside exact ones. */
function plane(progress) {
  const names = ["DPnP", "DPS", "ΠGDM"];
  const bar = progress("posteriors in the plane", names.length);
  let done = 0;
  const results = compare(planeProblems["eight signs, dither 0.4"], {
    names,
    measurements: 1,
    numSamples: 400,
    onProgress: () => bar.step(++done),
  });
  bar.finish();
  const points = results.flatMap(({ name, points }) =>
    Array.from({ length: 400 }, (_, i) => ({ name, x: points.get(i, 0), y: points.get(i, 1) })),
  );
  const domain = [-2.2, 2.2];
  const plot = plotSvg({
    width: 760,
    height: 220,
    x: { domain, axis: null },
    y: { domain, axis: null },
    fx: { domain: results.map(({ name }) => name), label: null },
    marks: [
      Plot.frame({ stroke: "#d9d7d0" }),
      Plot.dot(
        points.filter(({ x, y }) => Math.max(Math.abs(x), Math.abs(y)) < 2.2),
        { x: "x", y: "y", fx: "name", r: 1.2, fill: "#1f6fb2" },
      ),
    ],
  });
  return [
    figure(
      plot,
      "400 draws each after eight signs were measured of a point in the plane; the prior is a ring of six normal laws.",
    ),
    table(
      ["draws", "sliced W2 to the exact posterior"],
      results.map(({ name, mean }) => [name, mean.toFixed(3)]),
    ),
  ];
}

/** Held-out digits from each measurement: ΠGDM in 20 steps, and chains of DPnP from there. */
function reconstructions(progress, savePng) {
  const truth = slice(heldOut(), [0], [DIGITS]);
  const model = priorOf("network");
  const bar = progress(
    `digits from ${Object.keys(problems).length} kinds of measurement`,
    Object.keys(problems).length,
  );
  const etas = annealing({ start: 0.6, end: 0.1, hold: 2, decay: 7 });
  const rows = Object.entries(problems).map(([problem, forward], at) => {
    const y = forward.measure(truth, foldIn(SEED, "noise"));
    const first = piGdm(forward, y, model, foldIn(SEED, `${problem} start`), {
      numSamples: DIGITS,
      numSteps: 20,
    });
    const run = dpnp(forward, tile(y, [CHAINS, 1]), model, foldIn(SEED, problem), {
      start: tile(first.samples, [CHAINS, 1]),
      etas,
      malaSteps: 40,
      denoiser: ddsDdim({ numSteps: 4 }),
    });
    const draws = reshape(run.samples, [CHAINS, ...truth.shape]);
    bar.step(at + 1);
    const judged = [first.samples, draws.pick(0, null, null), mean(draws, { axis: 0 })].map(
      (samples) => judge(samples, truth),
    );
    const measured = measuredPictures(problem, truth);
    const grid = [
      judge(truth, truth).pictures,
      ...(measured === undefined ? [] : [measured]),
      ...judged.map(({ pictures }) => pictures),
    ];
    const png = imageGrid(grid, { scale: 2 });
    savePng(`posterior-${at}.png`, png);
    return { problem, png, seen: measured !== undefined, judged, certificate: run.certificate };
  });
  bar.finish();
  const cell = (values) => {
    const summary = meanAndError(values);
    return `${summary.mean.toFixed(1)} ± ${summary.error.toFixed(1)}`;
  };
  return [
    table(
      ["PSNR in dB, SSIM", "ΠGDM", "DPnP, one draw", `DPnP, mean of ${CHAINS}`],
      rows.map(({ problem, judged }) => [
        problem,
        ...judged.map(({ psnr, ssim }) => `${cell(psnr)}, ${meanAndError(ssim).mean.toFixed(2)}`),
      ]),
    ),
    ...rows.flatMap(({ problem, png, seen, certificate: proof }) => [
      image(
        dataUri(png),
        `Digits reconstructed from ${problem}`,
        `<strong>${problem}</strong>. Rows: held-out digits, ${seen ? "what was measured, " : ""}ΠGDM, one draw of DPnP from there, and the mean of ${CHAINS}.`,
      ),
      certificate({ ...proof, claim: `DPnP, ${problem}: ${proof.claim}` }),
    ]),
  ];
}

/** The sections of the report. */
export function posteriorSections({ progress, savePng }) {
  return [
    heading("Inverse problems: draws from the posterior"),
    paragraph(
      "Something was measured about an object, with noise: one bit of each number, some pixels, magnitudes of a transform. Objects that explain it, weighted as the prior makes them, form the posterior. DPnP draws from it by turns: one step knows only the measurement, one only the prior, and the coupling between them tightens. On a prior whose posteriors are known, the draws can be held against exact ones:",
    ),
    ...plane(progress),
    paragraph(
      "Digits that the network of this repository has not seen in training. DPnP starts from the guess of a faster method. A draw of the posterior is not the best guess in squared error, the mean of several is; <code>examples/posterior/reconstruct.mjs</code> compares both with all other methods.",
    ),
    ...reconstructions(progress, savePng),
  ];
}
