// A long run of every function that takes a signal, at a size people use: name → (signal) → work.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  bootstrapHierarchy,
  conceptObservations,
  discoverGroups,
  discoverHierarchy,
  fitHierarchy,
  learnConcepts,
  presetGraph,
  randomCpts,
  sampleHierarchy,
} from "@provably/causal-latent/hierarchy";
import {
  blockR2,
  identifiabilityExperiment,
  identifiabilitySettings,
  makeVectors,
  matteConfig,
  trainMatte,
} from "@provably/causal-latent/matte";
import { matmul, mul, relu, take } from "@provably/core-tensor";
import { adam } from "@provably/core-tensor/optim";
import { tableFromRows } from "@provably/core-tensor/table";
import { foldIn, key, normal, randint, uniform } from "@provably/core-tensor/random";
import { defineTask, inline, sweep } from "@provably/sweep";
import {
  bradleyTerryOracle,
  mlpPolicy,
  readPreferences,
  onlineVpo,
  trainVpo,
  dpoLoss,
  scorePairs,
  trainPolicy,
  trainPreferences,
} from "@provably/rlhf-vpo";
import {
  certifyValues,
  collectOfflineData,
  drNvi,
  drop,
  dropV,
  drpvi,
  garnet,
  partialPolicyIteration,
  policyIteration,
  randomLinearMdp,
  randomMarkovGame,
  robustModifiedPolicyIteration,
  robustPolicyIteration,
  robustValueIteration,
  sRectangularL1,
  totalVariation,
  valueIteration,
} from "@provably/robust-rl";
import {
  acceleratedOde,
  acceleratedSde,
  certifyOrder,
  convergence,
  ddsDdpm,
  denoiseAsync,
  dpnp,
  dpnpAsync,
  gaussianMixture,
  gaussianNoise,
  matrixOperator,
  quantizedSensing,
  sample,
  sampleAdaptive,
  sampleAdaptiveAsync,
  sampleAsync,
  trainScore,
} from "@provably/score-diffusion";
import {
  daps,
  dapsAsync,
  ddnm,
  ddnmAsync,
  ddrm,
  ddrmAsync,
  diffPir,
  diffPirAsync,
  dps,
  lgdMc,
  mcg,
  piGdm,
  pnpDm,
  pnpDmAsync,
  redDiff,
  redDiffAsync,
} from "@provably/score-diffusion/baselines";
import {
  generate,
  generateTokens,
  loadModel,
  loadTokenizer,
  filesFromMemory,
  embedTexts,
  generateBatch,
  prefill,
  readPrompt,
} from "@provably/transformer-sparsity/griffin";
import {
  createAreaPartition,
  createContrastive,
  createMaskedAutoencoder,
  createSpatialDistribution,
  pretrain,
  pretrainContrastive,
  encodeImages,
  loadVisionModel,
  simulateMeanField,
  trainContrastive,
  trainMaskedReconstruction,
  trainTokenContrastive,
} from "@provably/transformer-sparsity/mim";

/** Made when first asked for. */
const lazily = (make) => {
  let made;
  return () => (made ??= make());
};
const f64 = (shape, name) => normal(foldIn(key("abort"), name), shape, { dtype: "float64" });

// score-diffusion: a mixture in 16 dimensions, measured in 12 of them
const law = lazily(() =>
  gaussianMixture({ weights: [1, 1, 1], means: f64([3, 16], "means"), variances: [0.1, 0.2, 0.3] }),
); // prettier-ignore
const plane = lazily(() => gaussianMixture({ weights: [1, 1], means: [[-1, 0], [1, 0.4]], variances: [0.1, 0.2] })); // prettier-ignore
const line = lazily(() =>
  gaussianMixture({ weights: [1, 1], means: [[-1], [1]], variances: [0.1, 0.2] }),
);
const linear = lazily(() => gaussianNoise(matrixOperator(f64([12, 16], "operator")), 0.3));
const measured = lazily(() => [...f64([12], "measured").data]);
const restored = (method, options = {}) => (signal) => method(linear(), measured(), law(), key(1), { numSamples: 64, ...options, signal }); // prettier-ignore
const restoredLater = (method, options = {}) => (signal) => method(linear(), measured(), later(law()), key(1), { numSamples: 64, ...options, signal }); // prettier-ignore
/** A model that answers in a later turn of the event loop, so that timers run. */
const later = ({ prediction, evaluate }) => ({
  prediction,
  evaluate: async (...args) => {
    await new Promise((resolve) => setTimeout(resolve));
    return evaluate(...args);
  },
});

// robust-rl
const discounted = { discount: 0.999, tolerance: 1e-12, maxIterations: 1_000_000 };
const model = lazily(() => garnet(key(2), { numStates: 300, numActions: 5, branching: 20 }));
const small = lazily(() => garnet(key(2), { numStates: 40, numActions: 3, branching: 10 }));
const longPlan = lazily(
  () => robustValueIteration(model(), totalVariation(0.2), { horizon: 1000 }).values,
);
const process = lazily(() =>
  randomLinearMdp(key(3), { numStates: 100, numActions: 5, dimension: 10, horizon: 20 }),
);
const episodes = lazily(() => collectOfflineData(key(4), process(), { numEpisodes: 20_000 }));

// rlhf-vpo
const preferences = lazily(() => ({
  data: Array.from({ length: 2000 }, (_, i) => [i % 50, i % 8, (i + 1 + (i % 5)) % 8]),
  logReference: Array.from({ length: 50 }, () => new Array(8).fill(-Math.log(8))),
}));
const hyperparameters = { beta: 0.5, alpha: 0.2 };
const bigram = lazily(() => ({
  init: { next: f64([64, 64], "bigram") },
  logits: ({ next }, tokens) => take(next, tokens),
}));
const tokenPairs = lazily(() =>
  Array.from({ length: 2000 }, (_, i) => ({ prompt: [i % 64], chosen: [i % 7, 1], rejected: [8] })),
);
function* lines() {
  for (let i = 0; i < 1_000_000; i++) yield `{"prompt": "q${i}", "chosen": "a", "rejected": "b"}\n`;
}

// transformer-sparsity
const folder = fileURLToPath(new URL("../../../examples/models/tiny-llama-text/", import.meta.url));
const files = lazily(() =>
  filesFromMemory(
    Object.fromEntries(
      readdirSync(folder).map((name) => [name, new Uint8Array(readFileSync(folder + name))]),
    ),
  ),
);
const language = lazily(() => loadModel(files()));
const tokenizer = lazily(() => loadTokenizer(files()));
const ids = Array.from({ length: 500 }, (_, i) => 1 + ((i * 7919) % 2000));
const images = lazily(() => uniform(key(5), [256, 28, 28]));
const visionFolder = fileURLToPath(new URL("../../../examples/models/digits-mae", import.meta.url));
const world = lazily(() =>
  createSpatialDistribution(
    [1, 2].map((seed) =>
      createAreaPartition(key(seed), { numPatches: 64, globalSize: 44, localSize: 5 }),
    ),
  ),
);

// causal-latent
const graph = presetGraph("treeDeep");
const rows = lazily(() => sampleHierarchy(graph, randomCpts(graph, key(6)), 5000, key(7)));
const concepts = lazily(() =>
  conceptObservations(
    sampleHierarchy(presetGraph("star"), randomCpts(presetGraph("star"), key(8)), 3000, key(9))
      .data,
    key(10),
  ),
);
const vectors = lazily(() => makeVectors(600, key(11)));
const text = lazily(() => ({
  observed: randint(key(12), 4, 100, [200, 10]),
  domains: Array.from({ length: 200 }, (_, i) => i % 4),
}));
const forText = () =>
  matteConfig({ kind: "text", vocabularySize: 100 }, { numDomains: 4, weights: { adversary: 1 } });

/** Forty questions to two thousand people. */
function answers() {
  const z = f64([2000, 48], "answers");
  const names = Array.from({ length: 40 }, (_, j) => `q${j}`);
  const answer = (r, j) => Math.round(z.get(r, 40 + (j % 8)) + z.get(r, j));
  const row = (r) => Object.fromEntries(names.map((name, j) => [name, answer(r, j)]));
  return tableFromRows(Array.from({ length: 2000 }, (_, r) => row(r)));
}

export const runs = {
  // causal-latent
  discoverHierarchy: (signal) => discoverHierarchy(rows(), { signal }),
  bootstrapHierarchy: (signal) =>
    bootstrapHierarchy(rows(), key(13), { numReplicates: 5, refine: false, signal }),
  discoverGroups: (signal) => discoverGroups(answers(), { signal }),
  fitHierarchy: (signal) => fitHierarchy(graph, rows(), key(14), { maxIterations: 100, signal }),
  learnConcepts: (signal) =>
    learnConcepts(concepts().x, key(15), { blocks: concepts().blocks.slice(0, 3), signal }),
  "learnConcepts, connected": (signal) =>
    learnConcepts(concepts().x, key(15), {
      blocks: concepts().blocks.slice(0, 1),
      method: "connected",
      signal,
    }),
  "trainMatte, vectors": (signal) =>
    trainMatte({ observed: vectors().observed, domains: vectors().domains }, matteConfig({ kind: "vectors", size: 16 }, { numDomains: 4 }), key(16), { numSteps: 1000, signal }), // prettier-ignore
  "trainMatte, text": (signal) =>
    trainMatte(text(), forText(), key(17), { numSteps: 1000, signal }),
  blockR2: (signal) => blockR2(f64([4000, 4], "learned"), f64([4000, 4], "truth"), { signal }),
  identifiabilityExperiment: (signal) =>
    identifiabilityExperiment(identifiabilitySettings.slice(0, 1), key(18), {
      repetitions: 1,
      numSteps: 200,
      signal,
    }),

  // rlhf-vpo
  readPreferences: async (signal) => {
    let count = 0;
    for await (const { line: number } of readPreferences(lines(), { signal })) if (number > 0 && ++count % 1000 === 0) await new Promise((resolve) => setTimeout(resolve)); // prettier-ignore
  },
  onlineVpo: (signal) =>
    onlineVpo(key(19), { ...preferences(), data: [[0, 0, 1]] }, bradleyTerryOracle(f64([50, 8], "rewards")), { beta: 0.5, alphaSum: 2, numSteps: 10_000, bound: { kind: "box", size: 2 }, signal }), // prettier-ignore
  trainVpo: (signal) => trainVpo(preferences(), hyperparameters, { numSteps: 1_000_000, signal }),
  scorePairs: (signal) => {
    for (;;) scorePairs(bigram(), bigram().init, tokenPairs(), { signal });
  },
  trainPreferences: (signal) => trainPreferences(bigram(), tokenPairs(), { loss: (batch) => dpoLoss(batch), key: key(31), numSteps: 1_000_000, signal }), // prettier-ignore
  trainPolicy: (signal) => trainPolicy(mlpPolicy(f64([50, 8, 16], "features"), key(20), { hidden: [64] }), preferences(), hyperparameters, { numSteps: 100_000, signal }), // prettier-ignore

  // robust-rl
  drNvi: (signal) =>
    drNvi(
      randomMarkovGame(key(21), { numStates: 6, numActions: [5, 5], horizon: 1000 }),
      [0.1, 0.3],
      {
        solutionConcept: "nash",
        signal,
      },
    ),
  drop: (signal) => drop(episodes(), process().features, { radius: 0.2, signal }),
  dropV: (signal) => dropV(episodes(), episodes(), process().features, { radius: 0.2, signal }),
  drpvi: (signal) =>
    drpvi(episodes(), process().features, { radius: 0.2, rewards: process().rewards, signal }),
  valueIteration: (signal) => valueIteration(model(), { ...discounted, signal }),
  policyIteration: (signal) => policyIteration(model(), { ...discounted, signal }),
  robustValueIteration: (signal) =>
    robustValueIteration(model(), totalVariation(0.2), { ...discounted, signal }),
  "robustValueIteration, s-rectangular": (signal) =>
    robustValueIteration(model(), sRectangularL1(0.3), { ...discounted, signal }),
  "robustValueIteration, over a horizon": (signal) =>
    robustValueIteration(model(), totalVariation(0.2), { horizon: 1000, signal }),
  certifyValues: (signal) =>
    certifyValues(model(), totalVariation(0.2), longPlan(), { horizon: 1000, signal }),
  robustPolicyIteration: (signal) =>
    robustPolicyIteration(small(), totalVariation(0.2), { ...discounted, signal }),
  robustModifiedPolicyIteration: (signal) =>
    robustModifiedPolicyIteration(model(), totalVariation(0.2), { ...discounted, signal }),
  partialPolicyIteration: (signal) =>
    partialPolicyIteration(small(), sRectangularL1(0.3), { ...discounted, signal }),

  // score-diffusion
  sample: (signal) =>
    sample(acceleratedSde, law(), key(22), { shape: [2000, 16], numSteps: 1000, signal }),
  sampleAsync: (signal) =>
    sampleAsync(acceleratedSde, later(law()), key(22), {
      shape: [2000, 16],
      numSteps: 1000,
      signal,
    }),
  sampleAdaptive: (signal) =>
    sampleAdaptive(law(), key(23), {
      shape: [2000, 16],
      relativeTolerance: 1e-4,
      absoluteTolerance: 1e-5,
      signal,
    }),
  sampleAdaptiveAsync: (signal) =>
    sampleAdaptiveAsync(later(law()), key(23), {
      shape: [2000, 16],
      relativeTolerance: 1e-4,
      absoluteTolerance: 1e-5,
      signal,
    }),
  denoiseAsync: (signal) =>
    denoiseAsync(ddsDdpm({ numSteps: 2000 }), later(law()), f64([500, 16], "x"), 0.5, key(24), {
      signal,
    }),
  dpnp: (signal) =>
    dpnp(quantizedSensing(2, 0.5), [1, -1], plane(), key(25), {
      numSamples: 500,
      etas: new Array(500).fill(0.3),
      signal,
    }),
  dpnpAsync: (signal) =>
    dpnpAsync(quantizedSensing(2, 0.5), [1, -1], later(plane()), key(25), {
      numSamples: 500,
      etas: new Array(500).fill(0.3),
      signal,
    }),
  pnpDm: restored(pnpDm, { numRounds: 500 }),
  daps: restored(daps),
  ddnm: restored(ddnm, { numSteps: 1000 }),
  ddrm: restored(ddrm, { numSteps: 1000 }),
  diffPir: restored(diffPir, { numSteps: 1000 }),
  dps: restored(dps, { numSteps: 1000 }),
  lgdMc: restored(lgdMc, { numSteps: 1000 }),
  mcg: restored(mcg, { numSteps: 1000 }),
  piGdm: restored(piGdm, { numSteps: 1000 }),
  redDiff: restored(redDiff, { numSteps: 1000 }),
  pnpDmAsync: restoredLater(pnpDmAsync, { numRounds: 500 }),
  dapsAsync: restoredLater(dapsAsync),
  ddnmAsync: restoredLater(ddnmAsync, { numSteps: 1000 }),
  ddrmAsync: restoredLater(ddrmAsync, { numSteps: 1000 }),
  diffPirAsync: restoredLater(diffPirAsync, { numSteps: 1000 }),
  redDiffAsync: restoredLater(redDiffAsync, { numSteps: 1000 }),
  convergence: (signal) =>
    convergence(acceleratedOde, line(), key(26), { numSteps: [80, 160, 320, 640], signal }),
  certifyOrder: (signal) =>
    certifyOrder(acceleratedOde, line(), key(26), { numSteps: [80, 160, 320, 640], signal }),
  trainScore(signal) {
    const params = { in: normal(key(27), [16, 256]), out: mul(0.1, normal(key(28), [256, 16])) };
    const network = {
      prediction: "eps",
      apply: ({ in: into, out }, x) => matmul(relu(matmul(x, into)), out),
    };
    return trainScore(network, params, normal(key(29), [5000, 16]), key(30), {
      numSteps: 100_000,
      optimizer: adam(1e-3),
      batchSize: 256,
      signal,
    });
  },

  // transformer-sparsity
  loadModel: (signal) => loadModel(files(), { signal }),
  loadVisionModel: (signal) => loadVisionModel(visionFolder, { signal }),
  encodeImages: async (signal) =>
    encodeImages(await loadVisionModel(visionFolder), uniform(key(5), [32, 1, 28, 28]), { signal }),
  embedTexts: async (signal) => embedTexts(await language(), [ids, ids], { chunkSize: 64, signal }),
  generateBatch: async (signal) =>
    [
      ...generateBatch(await language(), [ids.slice(0, 20), ids.slice(5, 30)], {
        maxNewTokens: 200,
        stopTokens: [],
        signal,
      }),
    ].length,
  prefill: async (signal) => prefill(await language(), ids, { chunkSize: 64, signal }),
  readPrompt: async (signal) => readPrompt(await language(), ids, { chunkSize: 64, signal }),
  generateTokens: async (signal) =>
    [
      ...generateTokens(await language(), ids.slice(0, 20), {
        maxNewTokens: 400,
        stopTokens: [],
        signal,
      }),
    ].length,
  sweep: (signal) =>
    sweep(defineTask({ name: "sums", run: (_, k) => ({ x: Number(uniform(k, [1000]).get(7)) }) }), key(35), { cases: [{}], replicates: 1e6, engine: inline(), signal }), // prettier-ignore
  generate: async (signal) => {
    for await (const piece of generate(await language(), await tokenizer(), "In the beginning", { maxNewTokens: 400, stopTokens: [], signal })) String(piece); // prettier-ignore
  },
  pretrain: (signal) => pretrain(createMaskedAutoencoder(key(31)), images(), key(32), { signal }),
  pretrainContrastive: (signal) =>
    pretrainContrastive(createContrastive(key(31)), images(), key(32), { batchSize: 32, signal }),
  trainMaskedReconstruction: (signal) => trainMaskedReconstruction(world(), key(33), { signal }),
  trainContrastive: (signal) => trainContrastive(world(), key(33), { signal }),
  trainTokenContrastive: (signal) => trainTokenContrastive(world(), key(33), { signal }),
  simulateMeanField: (signal) =>
    simulateMeanField(
      { sizes: [76, 4, 4, 4, 4, 4, 4], queryArea: 1 },
      { monteCarlo: { key: key(34) }, numSteps: 1_000_000, signal },
    ),
};
