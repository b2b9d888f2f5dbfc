// The errors of samplers against their number of steps, on distributions whose score is exact, and what theory lets one expect of them.
import { div, item, mul, sqrt, square, sub, sum } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import {
  acceleratedOde,
  acceleratedOdeMultistep,
  acceleratedSde,
  ddpm,
  gaussianMixture,
  karrasSigmas,
  lambdaGrid,
  levelAt,
  marginalTv1d,
  theorySchedule,
  pathKl1d,
  pfOde,
  probabilityFlow,
  sample,
  scheduleOfSigmas,
} from "@provably/score-diffusion";
import {
  ddim,
  deis,
  dpmSolver2,
  dpmSolverPlusPlus2M,
  dpmSolverPlusPlus2S,
  euler,
  heun,
  pndm,
  uniPC,
} from "@provably/score-diffusion/samplers";

const line = gaussianMixture({
  weights: [0.4, 0.6],
  means: [[-1.2], [0.9]],
  variances: [0.09, 0.16],
});
const plane = gaussianMixture({
  weights: [0.3, 0.5, 0.2],
  means: [
    [-1.5, 0],
    [0.8, 1.2],
    [1.2, -1],
  ],
  covariances: [
    [
      [0.2, 0],
      [0, 0.3],
    ],
    [
      [0.3, 0.1],
      [0.1, 0.2],
    ],
    [
      [0.15, 0],
      [0, 0.15],
    ],
  ],
});
const starts = normal(key("starts of the paths"), [512, 2], { dtype: "float64" });
const paper = (steps) => theorySchedule(steps, { c0: 1, c1: 4 });

/** Root mean square distance at the first level from the exact flow, integrated to rounding. */
function endpoint(sampler, schedule, scale = 1) {
  const last = levelAt(schedule, schedule.alphaBar.length);
  const [first, start] = [levelAt(schedule, 1), mul(scale, starts)];
  const end = sample(sampler, plane, key(0), { start, schedule, stopAt: 1 }).samples;
  const gap = sub(end, probabilityFlow(plane, start, last, first, { numSteps: 800 }));
  return item(sqrt(div(sum(square(gap)), starts.shape[0])));
}

const karras = (steps) =>
  scheduleOfSigmas(karrasSigmas(steps + 1, { sigmaMin: 0.05, sigmaMax: 80 }));
const inSteps = { size: (steps) => 1 / steps, unit: "1/N" };
const inLogs = { size: (steps) => Math.log(steps) / steps, unit: "ln T/T" };

/** Groups of curves: a title, what the error is, numbers of steps, the step length that orders are taken in, and samplers with their interval. */
export function groups(small) {
  const upTo = (list, most) => (small ? list.filter((steps) => steps <= most) : list);
  return [
    {
      title: "Distance to the exact flow in the plane, schedule of the theorems",
      measure: "root mean square distance",
      numSteps: upTo([40, 80, 160, 320, 640, 1280], 320),
      ...inLogs,
      error: (sampler, steps) => endpoint(sampler, paper(steps)),
      samplers: [
        [pfOde, 0.7, 1.2],
        [ddim(), 0.7, 1.2],
        [acceleratedOde, 1.6, 2.1],
        [acceleratedOdeMultistep, 1.6, 2.1],
      ],
      order: [["acceleratedOde", "pfOde"]],
    },
    {
      title: "Total variation at the end point on the line, deterministic",
      measure: "total variation",
      numSteps: upTo([40, 80, 160, 320, 640, 1280], 160),
      ...inLogs,
      error: (sampler, steps) => marginalTv1d(sampler, line, paper(steps)),
      samplers: [
        [pfOde, 0.7, 1.2],
        [acceleratedOde, 1.6, 2.1],
      ],
      order: [["acceleratedOde", "pfOde"]],
    },
    {
      title: "Total variation at the end point on the line, stochastic",
      measure: "total variation",
      numSteps: upTo([25, 50, 100, 200, 400], 100),
      ...inLogs,
      error: (sampler, steps) => marginalTv1d(sampler, line, paper(steps)),
      // both are of first order here, O(d/T) of Li and Yan (2024); the contrast of the two is on paths
      samplers: [
        [ddpm, 0.7, 1.3],
        [acceleratedSde, 0.7, 1.3],
      ],
      order: [["acceleratedSde", "ddpm"]],
    },
    {
      title: "Divergence of paths on the line",
      measure: "√(½ path divergence)",
      numSteps: upTo([25, 50, 100, 200], 100),
      ...inLogs,
      error: (sampler, steps) => Math.sqrt(pathKl1d(sampler, line, paper(steps)) / 2),
      samplers: [
        [ddpm, 0.3, 0.6],
        [acceleratedSde, 1, 2],
      ],
      order: [["acceleratedSde", "ddpm"]],
    },
    {
      title: "Distance to the exact flow in the plane, evenly spaced λ",
      measure: "root mean square distance",
      numSteps: upTo([8, 16, 32, 64, 128], 64),
      ...inSteps,
      error: (sampler, steps) =>
        endpoint(sampler, lambdaGrid(steps + 1, { lambdaMin: -4, lambdaMax: 3 })),
      samplers: [
        [ddim(), 0.9, 1.1],
        [dpmSolver2, 1.8, 2.2],
        [dpmSolverPlusPlus2S, 1.6, 2.2],
        [dpmSolverPlusPlus2M({ lowerOrderFinal: false }), 1.6, 2.2],
        [deis(), 2.5, 3.5],
        [pndm(), 1.7, 2.6],
        [uniPC(), 2.3, 3.2],
      ],
      order: [],
    },
    {
      title: "Distance to the exact flow in the plane, levels of Karras",
      measure: "root mean square distance",
      numSteps: upTo([8, 16, 32, 64, 128], 64),
      ...inSteps,
      error(sampler, steps) {
        const schedule = karras(steps);
        return (
          endpoint(sampler, schedule, 80 * levelAt(schedule, steps + 1).alpha) /
          levelAt(schedule, 1).alpha
        );
      },
      samplers: [
        [euler(), 0.9, 1.1],
        [heun(), 1.8, 2.3],
      ],
      order: [],
    },
  ];
}

/** Measures a group; an order is the slope between the last two numbers of steps. */
export function measure(group, step = () => {}) {
  const curves = group.samplers.map(([sampler, low, high]) => {
    const errors = group.numSteps.map((steps) => {
      const error = group.error(sampler, steps);
      step();
      return error;
    });
    const [before, last] = group.numSteps.slice(-2).map((steps) => Math.log(group.size(steps)));
    const order = Math.log(errors.at(-1) / errors.at(-2)) / (last - before);
    return {
      sampler: sampler.name,
      errors,
      order,
      expected: [low, high],
      holds: order >= low && order <= high,
    };
  });
  const curve = (name) => curves.find(({ sampler }) => sampler === name).errors;
  const better = group.order.map(([faster, slower]) => ({
    faster,
    slower,
    holds: curve(faster).every((e, i) => e < curve(slower)[i]),
  }));
  return { ...group, curves, better };
}
