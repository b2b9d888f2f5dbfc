// How fast are samples of a mixture with its exact score?
import { array } from "@provably/core-tensor";
import { foldIn, key, normal } from "@provably/core-tensor/random";
import { gaussianMixture, lambdaGrid, sample } from "@provably/score-diffusion";
import { ddim } from "@provably/score-diffusion/samplers";

const [PARTICLES, DIMENSION, STEPS] = [10_000, 2, 50];

/** Components anywhere, with covariances I / 10 and a little more in one direction. */
function mixture(components) {
  const means = normal(key("means"), [components, DIMENSION], { dtype: "float64" });
  const covariance = (u, v) => [
    [0.1 + u * u, u * v],
    [u * v, 0.1 + v * v],
  ];
  const directions = normal(key("directions"), [components, DIMENSION], {
    dtype: "float64",
    std: 0.4,
  });
  return gaussianMixture({
    weights: new Array(components).fill(1),
    means,
    covariances: array(
      Array.from({ length: components }, (_, k) =>
        covariance(directions.get(k, 0), directions.get(k, 1)),
      ),
    ),
  });
}

const sampling = (components) => ({
  name: `${PARTICLES} particles, ${components} components in the plane, ${STEPS} steps of DDIM, float64`,
  work: PARTICLES * components * STEPS,
  unit: "G scores/s",
  bars: [{ peer: "numpy", ratio: 3 }],
  async contestants({ torch }) {
    const prior = mixture(components);
    const start = normal(foldIn(key(0), "start"), [PARTICLES, DIMENSION], { dtype: "float64" });
    const schedule = lambdaGrid(STEPS);
    const list = [
      { name: "score-diffusion", run: () => sample(ddim(), prior, key(0), { start, schedule }) },
    ];
    if (torch)
      list.push({
        name: "numpy",
        time: (times) =>
          torch.time(["mixture_sampling", PARTICLES, components, DIMENSION, STEPS], times),
      });
    return list;
  },
});

export default {
  title: "Sampling a mixture with its exact score, one thread",
  options: { rounds: 5, seconds: 0.3 },
  cases: [sampling(3), sampling(8)],
};
