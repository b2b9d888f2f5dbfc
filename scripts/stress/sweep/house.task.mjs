// One short computation of each package of this house, on a problem that its key draws.
import { asType, sum, item } from "@provably/core-tensor";
import { svd } from "@provably/core-tensor/linalg";
import { foldIn, normal, randint, uniform } from "@provably/core-tensor/random";
import { presetGraph, randomCpts, sampleHierarchy } from "@provably/causal-latent/hierarchy";
import { solveVpo } from "@provably/rlhf-vpo";
import { drNvi, randomMarkovGame } from "@provably/robust-rl";
import { acceleratedSde, gaussianMixture, sample } from "@provably/score-diffusion";
import { simulateMeanField } from "@provably/transformer-sparsity/mim";
import { defineTask } from "@provably/sweep";

const law = gaussianMixture({
  weights: [1, 2],
  means: [
    [-1, 0],
    [1, 0.5],
  ],
  variances: [0.1, 0.2],
});

const computations = {
  "core-tensor": (key) => ({
    values: svd(normal(key, [12, 8], { dtype: "float64" })).singularValues,
  }),
  "score-diffusion": (key) => ({
    values: sample(acceleratedSde, law, key, { shape: [32, 2], numSteps: 20 }).samples,
  }),
  "robust-rl"(key) {
    const game = randomMarkovGame(key, { numStates: 3, numActions: [2, 2], horizon: 5 });
    return { values: drNvi(game, [0.1, 0.2], { solutionConcept: "nash" }).values };
  },
  "rlhf-vpo"(key) {
    const half = Math.log(0.5);
    const wins = randint(key, 2, 8, []).get();
    const data = Array.from({ length: 10 }, (_, i) => (i < wins ? [0, 0, 1] : [0, 1, 0]));
    return { values: solveVpo({ data, logReference: [[half, half]] }, { beta: 1, alpha: 0.2 }).logPolicy }; // prettier-ignore
  },
  "transformer-sparsity"(key) {
    const big = 40 + 4 * randint(key, 0, 10, []).get();
    return { values: simulateMeanField({ sizes: [big, 4, 4, 4, 4, 4, 4], queryArea: 1 }).alpha };
  },
  "causal-latent"(key) {
    const graph = presetGraph("treeDeep");
    const cpts = randomCpts(graph, foldIn(key, "cpts"));
    const { data } = sampleHierarchy(graph, cpts, 200, foldIn(key, "data"));
    return { values: data, total: item(sum(asType(data, "float64"))) };
  },
};

export default defineTask({
  name: "house",
  run({ of }, key) {
    const { values, ...rest } = computations[of](key);
    return { ...rest, values, u: uniform(key, [], { dtype: "float64" }).get() };
  },
});
