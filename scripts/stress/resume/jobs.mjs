// Long runs that can be cut off anywhere: each takes a saved state, calls `save` after every step, and ends with its result.
import {
  makeReviewCorpus,
  encodeSentences,
  matteConfig,
  trainMatte,
  vocabularyOf,
} from "@provably/causal-latent/matte";
import { matmul, mul, relu, take } from "@provably/core-tensor";
import { adam } from "@provably/core-tensor/optim";
import { foldIn, key, normal, uniform } from "@provably/core-tensor/random";
import {
  bradleyTerryOracle,
  decodeCheckpoint,
  dpoLoss,
  encodeCheckpoint,
  mlpPolicy,
  onlineVpo,
  trainVpo,
  trainPolicy,
  trainPreferences,
} from "@provably/rlhf-vpo";
import { drNvi, randomMarkovGame } from "@provably/robust-rl";
import {
  dpnp,
  gaussianMixture,
  gaussianNoise,
  matrixOperator,
  quantizedSensing,
  trainScore,
} from "@provably/score-diffusion";
import { daps, dps, redDiff } from "@provably/score-diffusion/baselines";
import {
  createAreaPartition,
  createContrastive,
  createMaskedAutoencoder,
  createSpatialDistribution,
  pretrain,
  pretrainContrastive,
  trainContrastive,
  trainMaskedReconstruction,
} from "@provably/transformer-sparsity/mim";

const f64 = (shape, name) => normal(foldIn(key("resume"), name), shape, { dtype: "float64" });
const law = () => gaussianMixture({ weights: [1, 1], means: [[-0.8, 0], [0.8, 0.4]], variances: [0.08, 0.15] }); // prettier-ignore
const preferences = () => {
  const third = Math.log(1 / 3);
  return { data: [[0, 0, 1], [0, 1, 2], [1, 2, 0], [1, 2, 1]], logReference: [[third, third, third], [third, third, third]] }; // prettier-ignore
};
const world = () =>
  createSpatialDistribution(
    [1, 2].map((seed) =>
      createAreaPartition(key(seed), { numPatches: 36, globalSize: 16, localSize: 5 }),
    ),
  );
const images = () => uniform(foldIn(key("resume"), "images"), [256, 8, 8]);
const small = {
  imageSize: 8,
  patchSize: 2,
  dim: 16,
  depth: 1,
  heads: 2,
  decoderDim: 16,
  decoderHeads: 2,
};

/** Options that go on from a state and save every state but the last. */
const kept = (state, save) => ({
  ...(state && { state }),
  onProgress: ({ iteration, total, state: now }) => iteration < total && save(now),
});

/** A method that restores points from a measurement, one step of noise after the other. */
const baseline = (method, options) => (state, save) => {
  const forward = gaussianNoise(matrixOperator([[1, 0.5]]), 0.3);
  const { samples, certificate } = method(forward, [0.7], law(), key(9), {
    ...(state === undefined ? { numSamples: 32 } : {}),
    ...options,
    ...kept(state, save),
  });
  return { samples, certificate };
};

/** A training that is told how many steps to take, in pieces. */
function inPieces(state, save, total, each, train) {
  let run = { state };
  for (let done = state?.step ?? 0; done < total; done += each) {
    run = train({ numSteps: each, ...(run.state && { state: run.state }) });
    if (done + each < total) save(run.state);
  }
  return run;
}

/** Name → (state of an earlier life or undefined, save) → result. */
export const jobs = {
  dpnp(state, save) {
    const { samples, chain, acceptance } = dpnp(quantizedSensing(2, 0.5), [1, -1], law(), key(1), {
      ...(state === undefined ? { numSamples: 64 } : {}),
      etas: Array.from({ length: 80 }, (_, i) => Math.max(0.1, 1.5 * 0.95 ** i)),
      malaSteps: 8,
      ...kept(state, save),
    });
    return { samples, chain, acceptance };
  },

  dps: baseline(dps, { numSteps: 200 }),
  daps: baseline(daps, { numSteps: 50 }),
  redDiff: baseline(redDiff, { numSteps: 1000 }),

  trainScore(state, save) {
    const params = { in: f64([2, 32], "in"), out: mul(0.1, f64([32, 2], "out")) };
    const network = {
      prediction: "eps",
      apply: ({ in: into, out }, x) => matmul(relu(matmul(x, into)), out),
    };
    const { average, step } = trainScore(network, params, f64([500, 2], "data"), key(2), {
      numSteps: 800,
      optimizer: adam(1e-3),
      ...kept(state, save),
    });
    return { average, step };
  },

  trainVpo(state, save) {
    const { theta, logPolicy } = inPieces(state, save, 40_000, 10, (options) =>
      trainVpo(preferences(), { beta: 0.5, alpha: 0.2 }, { learningRate: 0.01, ...options }),
    );
    return { theta, logPolicy };
  },

  trainPolicy(state, save) {
    const policy = mlpPolicy(f64([2, 3, 4], "features"), key(10), { hidden: [8] });
    const { params, logPolicy } = inPieces(state, save, 400, 1, (options) =>
      trainPolicy(
        policy,
        preferences(),
        { beta: 0.5, alpha: 0.2 },
        { learningRate: 0.01, ...options },
      ),
    );
    return { params, logPolicy };
  },

  trainPreferences(state, save) {
    const model = { init: { next: f64([6, 6], "bigram") }, logits: ({ next }, tokens) => take(next, tokens) }; // prettier-ignore
    const pairs = Array.from({ length: 40 }, (_, i) => ({ prompt: [i % 6], chosen: [i % 5, 1], rejected: [2 + (i % 3)] })); // prettier-ignore
    const { params } = trainPreferences(model, pairs, {
      loss: (batch) => dpoLoss(batch, { beta: 0.5 }),
      key: key(12),
      learningRate: 0.01,
      numSteps: 300 - (state === undefined ? 0 : state.step),
      ...(state && { state: decodeCheckpoint(state.file) }),
      onProgress: ({ iteration, total, state: now }) =>
        iteration < total && save({ step: now.step, file: encodeCheckpoint(now, { format: "json" }) }), // prettier-ignore
    });
    return { params };
  },

  onlineVpo(state, save) {
    const problem = { ...preferences(), data: [[0, 0, 1]] };
    const oracle = bradleyTerryOracle([[1, 0, -1], [0, 0.5, 1]]); // prettier-ignore
    const options = { beta: 0.5, alphaSum: 2, bound: { kind: "box", size: 2 }, innerSteps: 40 };
    let run = { state };
    for (let done = (state?.data.length ?? 1) - 1; done < 800; done++) {
      run = onlineVpo(key(3), problem, oracle, {
        ...options,
        numSteps: 1,
        ...(run.state && { state: run.state }),
      });
      if (done < 799) save(run.state);
    }
    return { data: run.data, theta: run.theta };
  },

  drNvi(state, save) {
    const game = randomMarkovGame(key(4), { numStates: 4, numActions: [3, 3], horizon: 300 });
    const { policy, values } = drNvi(game, [0.1, 0.3], {
      solutionConcept: "nash",
      ...kept(state, save),
    });
    return { policy, values };
  },

  trainMatte(state, save) {
    const corpus = makeReviewCorpus(200, key(5));
    const vocabulary = vocabularyOf(corpus.sentences);
    const data = {
      observed: encodeSentences(vocabulary, corpus.sentences).tokens,
      domains: corpus.domains,
      labels: corpus.labels,
    };
    const config = matteConfig(
      { kind: "text", vocabularySize: vocabulary.words.length, embedding: 8, hidden: 12 },
      { numDomains: 4, contentSize: 4, flowHidden: 8, weights: { adversary: 0.1 } },
    );
    const { params, history } = trainMatte(data, config, key(6), {
      numSteps: 30,
      batchSize: 16,
      ...kept(state, save),
    });
    return { params, loss: history.at(-1).loss };
  },

  pretrain: (state, save) =>
    pretrain(createMaskedAutoencoder(key(7), small), images(), key(8), {
      numEpochs: 16,
      batchSize: 64,
      ...kept(state, save),
    }).model.params,

  pretrainContrastive: (state, save) =>
    pretrainContrastive(createContrastive(key(7), small), images(), key(8), {
      numEpochs: 8,
      batchSize: 32,
      ...kept(state, save),
    }).model.params,

  trainMaskedReconstruction: (state, save) =>
    trainMaskedReconstruction(world(), key(11), {
      numSteps: 120,
      recordEvery: 2,
      ...kept(state, save),
    }).correlations,

  trainContrastive: (state, save) =>
    trainContrastive(world(), key(12), { numSteps: 40, recordEvery: 1, ...kept(state, save) })
      .correlations,
};
