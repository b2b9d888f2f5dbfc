// Paths of a sampler from noise to a mixture whose score is known, and how far their ends are from those of the exact flow.
import { toTypedArray } from "@provably/core-tensor";
import { key, normalRows } from "@provably/core-tensor/random";
import {
  acceleratedOde,
  acceleratedOdeMultistep,
  acceleratedSde,
  ddpm,
  gaussianMixture,
  pfOde,
  sample,
} from "@provably/score-diffusion";
import { ddim } from "@provably/score-diffusion/samplers";
import { Plot, plotSvg } from "../../../examples/tour/lib/plot.mjs";

const samplers = {
  pfOde,
  ddim: ddim(),
  acceleratedOde,
  acceleratedOdeMultistep,
  ddpm,
  acceleratedSde,
};
const law = gaussianMixture({
  weights: [0.3, 0.4, 0.3],
  means: [
    [-1.6, -0.8],
    [0.2, 1.4],
    [1.7, -0.7],
  ],
  variances: [0.06, 0.1, 0.06],
});

export function compute({ sampler, numSteps, points, seed }) {
  const start = normalRows(key(seed), [points, 2], { dtype: "float64" });
  const run = (which, steps, trajectory) =>
    sample(which, law, key(seed + 1000), { start, numSteps: steps, trajectory, stopAt: 1 });
  const { trajectory, certificate, numEvaluations } = run(samplers[sampler], numSteps, true);
  const path = toTypedArray(trajectory);
  const stations = trajectory.shape[0];
  const shown = Math.min(points, 60);
  const lines = [];
  for (let i = 0; i < shown; i++)
    for (let t = 0; t < stations; t++)
      lines.push({ x: path[(t * points + i) * 2], y: path[(t * points + i) * 2 + 1], i });
  const end = path.subarray((stations - 1) * points * 2);
  const ends = Array.from({ length: points }, (_, i) => ({ x: end[2 * i], y: end[2 * i + 1] }));
  const facts = [["evaluations of the score", String(numEvaluations)]];
  if (samplers[sampler].numNoises === 0) {
    const exact = toTypedArray(run(acceleratedOdeMultistep, 1500, false).samples);
    const apart = ends
      .map(({ x, y }, i) => Math.hypot(x - exact[2 * i], y - exact[2 * i + 1]))
      .sort((a, b) => a - b);
    facts.push(["median distance to the exact flow", apart[points >> 1].toExponential(2)]);
  }
  const picture = plotSvg({
    width: 640,
    height: 520,
    x: { domain: [-3.4, 3.4], label: null },
    y: { domain: [-2.8, 2.8], label: null },
    marks: [
      Plot.line(lines, {
        x: "x",
        y: "y",
        z: "i",
        stroke: "#888",
        strokeOpacity: 0.35,
        strokeWidth: 1,
        clip: true,
      }),
      Plot.dot(ends, { x: "x", y: "y", r: 2.6, fill: "#1f5fae" }),
    ],
  });
  return { picture, facts, certificate };
}
