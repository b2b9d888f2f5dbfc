/** Flow matching: straight paths from noise to data, and models trained for them. */
import { type NdArray, add, div, mul, sub } from "@provably/core-tensor";
import { anyFunction, check } from "@provably/core-tensor/internal";
import type { NoiseLevel } from "../schedule/level.js";
import { type AsyncModel, type Model, answerOf, checkAsked } from "../score/prediction.js";
import { type Sampler, combine, defineSampler } from "./sampler.js";
import { type Transition, transitions } from "./steps.js";

/** Time on the straight path $w = (1 - u)x_0 + u\varepsilon$ that passes a level, and the factor from its points to the level's. */
function straight({ alpha, sigma }: NoiseLevel): { time: number; scale: number } {
  return { time: sigma / (alpha + sigma), scale: alpha + sigma };
}

/** At time 0 the point is clean already, even where the velocity, which divides by the time, is infinite. */
function cleanPoint(w: NdArray, time: number, velocity: NdArray): NdArray {
  return time === 0 ? w : sub(w, mul(time, velocity));
}

/**
 * A network trained by flow matching as a model at any noise level: it knows points $w = (1 - u)x_0 + u\varepsilon$ by their time $u$ and predicts the
 * velocity $\varepsilon - x_0$.
 *
 * @param velocity - points `[n, …]` and time in $[0, 1]$ (1 is noise) to an array of the same shape
 * @returns model of the clean point
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { flowMatchingModel, levelOfSigma } from "@provably/score-diffusion";
 *
 * // data in one point, 3: the velocity is (w − 3) / u
 * const model = flowMatchingModel((w, u) => w.get(0, 0) === 0 ? array([[-3 / u]]) : array([[0]]));
 * toNested(model.evaluate(array([[0]]), levelOfSigma(1))); // => [[3]]
 * ```
 * @see Lipman et al. (2023), "Flow matching for generative modeling", eq. 22; Liu, Gong, Liu (2023), "Flow straight and fast", eq. 1
 * @category Scores
 */
export function flowMatchingModel(velocity: (w: NdArray, time: number) => NdArray): Model {
  check("flowMatchingModel", "velocity", velocity, anyFunction);
  return {
    prediction: "x0",
    evaluate(x, level) {
      const { time, scale } = straight(checkAsked("flowMatchingModel", x, level));
      const w = div(x, scale);
      return cleanPoint(w, time, answerOf("flowMatchingModel", velocity(w, time), x));
    },
  };
}

/**
 * {@link flowMatchingModel} for a network that answers later.
 *
 * @param velocity - points and time to a promise of an array of the same shape
 * @returns model for `sampleAsync`
 * @example
 * ```ts
 * import { flowMatchingModelAsync } from "@provably/score-diffusion";
 *
 * flowMatchingModelAsync(async (w) => w).prediction; // => "x0"
 * ```
 * @category Scores
 */
export function flowMatchingModelAsync(
  velocity: (w: NdArray, time: number) => Promise<NdArray>,
): AsyncModel {
  check("flowMatchingModelAsync", "velocity", velocity, anyFunction);
  return {
    prediction: "x0",
    async evaluate(x, level) {
      const { time, scale } = straight(checkAsked("flowMatchingModelAsync", x, level));
      const w = div(x, scale);
      return cleanPoint(w, time, answerOf("flowMatchingModelAsync", await velocity(w, time), x));
    },
  };
}

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
 * with {@link flowSchedule}.
 *
 * @example
 * ```ts
 * import { flowEuler, flowSchedule } from "@provably/score-diffusion";
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
 * import { flowHeun } from "@provably/score-diffusion";
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
