/** Samplers on the straight paths of flow matching. */
import { type NdArray, add, div, mul, sub } from "@provably/core-tensor";
import type { NoiseLevel } from "../schedule/level.js";
import { straight } from "../score/flow-matching.js";
import { type Sampler, combine, defineSampler } from "../sampler/sampler.js";
import { type Transition, transitions } from "../sampler/steps.js";

function* velocityAt(
  w: NdArray,
  level: NoiseLevel,
): Generator<{ x: NdArray; level: NoiseLevel; want: "x0" }, NdArray, NdArray> {
  const { time, scale } = straight(level);
  const x0 = yield { x: mul(scale, w), level, want: "x0" };
  return div(sub(w, x0), time);
}

/**
 * Euler's method on the straight paths of flow matching, $w \leftarrow w + (u' - u)\,(\varepsilon - x_0)$; the same numbers as {@link ddim}. Begins in pure noise
 * with `flowSchedule`.
 *
 * @example
 * ```ts
 * import { flowSchedule } from "@provably/score-diffusion";
 * import { flowEuler } from "@provably/score-diffusion/samplers";
 *
 * flowEuler.table(flowSchedule(8), {}).length; // => 8
 * ```
 * @see Liu, Gong, Liu (2023), "Flow straight and fast: learning to generate and transfer data with rectified flow", algorithm 1
 * @category Samplers
 */
export const flowEuler: Sampler<Transition> = /* @__PURE__ */ defineSampler(
  {
    name: "flowEuler",
    numNoises: 0,
    order: { expected: [0.7, 1.2], source: "first order" },
    table: transitions,
    *step({ x }, { level, to }) {
      const [from, end] = [straight(level), straight(to)];
      const w = div(x, from.scale);
      const velocity = yield* velocityAt(w, level);
      return { x: mul(end.scale, combine(1, w, end.time - from.time, velocity)) };
    },
  },
  ["level", "to"],
);

/**
 * Heun's method on the straight paths of flow matching: the mean of the velocities at both ends. Second order, two evaluations a step; the step to the data
 * is Euler's.
 *
 * @example
 * ```ts
 * import { flowHeun } from "@provably/score-diffusion/samplers";
 *
 * flowHeun.numNoises; // => 0
 * ```
 * @see Lipman et al. (2023), "Flow matching for generative modeling"
 * @category Samplers
 */
export const flowHeun: Sampler<Transition> = /* @__PURE__ */ defineSampler(
  {
    name: "flowHeun",
    numNoises: 0,
    order: { expected: [1.6, 2.4], source: "second order" },
    table: transitions,
    *step({ x }, { level, to }) {
      const [from, end] = [straight(level), straight(to)];
      const w = div(x, from.scale);
      const velocity = yield* velocityAt(w, level);
      const predicted = combine(1, w, end.time - from.time, velocity);
      if (end.time === 0) return { x: predicted };
      const velocityEnd = yield* velocityAt(predicted, to);
      return {
        x: mul(end.scale, combine(1, w, (end.time - from.time) / 2, add(velocity, velocityEnd))),
      };
    },
  },
  ["level", "to"],
);
