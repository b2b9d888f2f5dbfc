// Long runs that can be cut off anywhere: each takes a saved state, calls `save` after every step, and ends with its result.
import { makeReviewCorpus, encodeSentences, matteConfig, trainMatte, vocabularyOf } from "@provably/causal-latent/matte";
import { matmul, mul, relu } from "@provably/core-tensor";
import { adam } from "@provably/core-tensor/optim";
import { foldIn, key, normal, uniform } from "@provably/core-tensor/random";
import { bradleyTerryOracle, runOnline } from "@provably/rlhf-vpo";
import { drNvi, randomMarkovGame } from "@provably/robust-rl";
import { dpnp, gaussianMixture, quantizedSensing, trainScore } from "@provably/score-diffusion";
import { createMaskedAutoencoder, pretrain } from "@provably/transformer-sparsity/mim";

const f64 = (shape, name) => normal(foldIn(key("resume"), name), shape, { dtype: "float64" });

/** Name → (state of an earlier life or undefined, save) → result. */
export const jobs = {
  dpnp(state, save) {
    const law = gaussianMixture({ weights: [1, 1], means: [[-0.8, 0], [0.8, 0.4]], variances: [0.08, 0.15] }); // prettier-ignore
    const { samples, chain, acceptance } = dpnp(quantizedSensing(2, 0.5), [1, -1], law, key(1), {
      ...(state === undefined ? { numSamples: 64 } : { state }),
      etas: Array.from({ length: 80 }, (_, i) => Math.max(0.1, 1.5 * 0.95 ** i)),
      malaSteps: 20,
      onProgress: ({ iteration, total, state: now }) => iteration < total && save(now),
    });
    return { samples, chain, acceptance };
  },

  trainScore(state, save) {
    const params = { in: f64([2, 32], "in"), out: mul(0.1, f64([32, 2], "out")) };
    const network = { prediction: "eps", apply: ({ in: into, out }, x) => matmul(relu(matmul(x, into)), out) };
    const { average, step } = trainScore(network, params, f64([500, 2], "data"), key(2), {
      numSteps: 2000,
      optimizer: adam(1e-3),
      ...(state && { state }),
      onProgress: ({ iteration, total, state: now }) => iteration < total && save(now),
    });
    return { average, step };
  },

  runOnline(state, save) {
    const third = Math.log(1 / 3);
    const problem = { data: [[0, 0, 1]], logReference: [[third, third, third], [third, third, third]] }; // prettier-ignore
    const oracle = bradleyTerryOracle([[1, 0, -1], [0, 0.5, 1]]); // prettier-ignore
    const options = { beta: 0.5, alphaSum: 2, bound: { kind: "box", size: 2 }, innerSteps: 40 };
    let run = { state };
    for (let done = (state?.data.length ?? 1) - 1; done < 1500; done++) {
      run = runOnline(key(3), problem, oracle, { ...options, iterations: 1, ...(run.state && { state: run.state }) });
      if (done < 1499) save(run.state);
    }
    return { data: run.data, theta: run.theta };
  },

  drNvi(state, save) {
    const game = randomMarkovGame(key(4), { states: 4, actions: [3, 3], horizon: 300 });
    const { policy, values } = drNvi(game, [0.1, 0.3], {
      notion: "nash",
      ...(state && { state }),
      onProgress: ({ iteration, total, state: now }) => iteration < total && save(now),
    });
    return { policy, values };
  },

  trainMatte(state, save) {
    const corpus = makeReviewCorpus(200, key(5));
    const vocabulary = vocabularyOf(corpus.sentences);
    const data = { observed: encodeSentences(vocabulary, corpus.sentences).tokens, domains: corpus.domains, labels: corpus.labels };
    const config = matteConfig(
      { kind: "text", vocabularySize: vocabulary.words.length, embedding: 8, hidden: 12 },
      { numDomains: 4, contentSize: 4, flowHidden: 8, weights: { adversary: 0.1 } },
    );
    const { params, history } = trainMatte(data, config, key(6), {
      numSteps: 60,
      batchSize: 16,
      ...(state && { state }),
      onProgress: ({ iteration, total, state: now }) => iteration < total && save(now),
    });
    return { params, loss: history.at(-1).loss };
  },

  pretrain(state, save) {
    const size = { imageSize: 8, patchSize: 2, dim: 16, depth: 1, heads: 2, decoderDim: 16, decoderHeads: 2 };
    const { model } = pretrain(createMaskedAutoencoder(key(7), size), uniform(foldIn(key("resume"), "images"), [256, 8, 8]), key(8), {
      epochs: 60,
      batchSize: 64,
      ...(state && { state }),
      onProgress: ({ iteration, total, state: now }) => iteration < total && save(now),
    });
    return model.params;
  },
};
