// Planted faults for the certificates of transformer-sparsity: a trained language model, a trained masked autoencoder, and the theory's one-layer model.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { array, mul, roll, toTypedArray } from "@provably/core-tensor";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { foldIn, key, normal, permutation, randint } from "@provably/core-tensor/random";
import {
  certifyContinuation,
  certifyExperts,
  certifyModel,
  generateTokens,
  languageModel,
  loadModel,
  logits,
  magnitudeScores,
  readPrompt,
  selectExperts,
  sparsify,
} from "@provably/transformer-sparsity/griffin";
import {
  certifyAreaAttention,
  certifyPhases,
  certifyPretraining,
  certifyReconstruction,
  createAreaPartition,
  createMaskedAutoencoder,
  createSpatialDistribution,
  simulateMeanField,
  trainContrastive,
  trainMaskedReconstruction,
} from "@provably/transformer-sparsity/mim";

const models = new URL("../../../examples/models/", import.meta.url);
const once = (make) => {
  let made;
  return () => (made ??= make());
};
const shuffled = (values, k) =>
  Array.from(toTypedArray(permutation(k, values.length)), (i) => values[i]);

// experts of a prompt
const language = once(() => loadModel(fileURLToPath(new URL("tiny-llama-text", models))));
/** A passage that the model wrote, the first of a seed that is long enough: a prompt and what follows. */
async function passage(seed, prompt, rest) {
  const model = await language();
  for (let attempt = 0; ; attempt++) {
    const k = foldIn(foldIn(key("passages"), seed), attempt);
    const start = [0, ...toTypedArray(randint(foldIn(k, "start"), 300, 2000, [2]))];
    const written = [
      ...generateTokens(model, start, {
        maxNewTokens: prompt + rest - 3,
        sampling: { temperature: 0.8 },
        key: foldIn(k, "writing"),
      }),
    ];
    const ids = [...start, ...written.map(({ token }) => token)];
    if (ids.length === prompt + rest)
      return { seed, model, ids: ids.slice(0, prompt), rest: ids.slice(prompt) };
  }
}
const replaced = (experts, layer, change) => ({
  ...experts,
  layers: experts.layers.map((set, i) => (i === layer ? change(set) : set)),
});
/** One neuron of a set exchanged for one outside. */
const swapOne = (n, seed) => (set) => {
  const outside = Int32Array.from({ length: n }, (_, j) => j).filter((j) => !set.includes(j));
  const [out, into] = [seed % set.length, seed % outside.length];
  return set.map((j, i) => (i === out ? outside[into] : j)).sort();
};

const experts = {
  certificate: "certifyExperts",
  given: "half of the neurons of a trained Llama, chosen by 48 tokens",
  async make(seed) {
    const { model, ids } = await passage(seed, 48, 0);
    const chosen = selectExperts(readPrompt(model, ids).statistics, { density: 0.5 });
    return { seed, model, ids, chosen, certify: (set) => certifyExperts(model, ids, set) };
  },
  honest: ({ chosen, certify }) => certify(chosen),
  faults: {
    "one neuron of 2240 swapped": ({ seed, model, chosen, certify }) => certify(replaced(chosen, seed % 5, swapOne(model.config.ffSize, seed))),
    "experts of two layers exchanged": ({ chosen, certify }) => certify({ ...chosen, layers: [chosen.layers[1], chosen.layers[0], ...chosen.layers.slice(2)] }),
    "experts of another prompt": async ({ seed, model, certify }) => {
      const other = await passage(seed + 1000, 48, 0);
      return certify(selectExperts(readPrompt(model, other.ids).statistics, { density: 0.5 }));
    },
    "chosen by the size of their weights": ({ model, chosen, certify }) => {
      const scores = magnitudeScores(model);
      return certify({ ...chosen, layers: chosen.layers.map((set, i) => best(scores[i], set.length)) });
    },
    "chosen at random": ({ seed, model, chosen, certify }) =>
      certify({ ...chosen, layers: chosen.layers.map((set, i) => Int32Array.from(toTypedArray(permutation(foldIn(key(seed), i), model.config.ffSize)).slice(0, set.length)).sort()) }),
    "the last token not read": ({ model, ids, certify }) => certify(selectExperts(readPrompt(model, ids.slice(0, -1)).statistics, { density: 0.5 })),
  },
}; // prettier-ignore
const best = (scores, k) =>
  Int32Array.from([...scores.keys()].sort((a, b) => scores[b] - scores[a]).slice(0, k)).sort();

const continuation = {
  certificate: "certifyContinuation",
  given: "three neurons of four by GRIFFIN, 64 tokens that follow; at most 0.4 nats a token",
  async make(seed) {
    const { model, ids, rest } = await passage(seed, 64, 64);
    const prompt = readPrompt(model, ids);
    return { seed, model, prompt, certify: (method) => certifyContinuation(model, prompt, rest, sparsify(model, prompt, method), { maxDivergence: 0.4 }) };
  },
  honest: ({ certify }) => certify({ kind: "griffin", density: 0.75 }),
  faults: {
    "a quarter of the neurons": {
      damage: ({ certify }) => certify({ kind: "griffin", density: 0.25 }),
      note: "for the other texts a quarter is enough at this tolerance",
    },
    "the worst three of four": ({ model, prompt, certify }) => {
      const few = selectExperts(prompt.statistics, { density: 0.25 });
      const layers = few.layers.map((set) => Int32Array.from({ length: model.config.ffSize }, (_, j) => j).filter((j) => !set.includes(j)));
      return certify({ kind: "experts", experts: { ...few, density: 0.75, layers } });
    },
    "half of them at random": ({ seed, model, prompt, certify }) => {
      const half = selectExperts(prompt.statistics, { density: 0.5 });
      const layers = half.layers.map((set, i) => Int32Array.from(toTypedArray(permutation(foldIn(key(seed), i), model.config.ffSize)).slice(0, set.length)).sort());
      return certify({ kind: "experts", experts: { ...half, layers } });
    },
    "experts of two layers exchanged, at one half": ({ prompt, certify }) => {
      const half = selectExperts(prompt.statistics, { density: 0.5 });
      return certify({ kind: "experts", experts: { ...half, layers: [half.layers[4], ...half.layers.slice(1, 4), half.layers[0]] } });
    },
    "one neuron swapped": {
      damage: ({ seed, model, prompt, certify }) => {
        const most = selectExperts(prompt.statistics, { density: 0.75 });
        return certify({ kind: "experts", experts: replaced(most, seed % 5, swapOne(model.config.ffSize, seed)) });
      },
      note: "it hardly changes what the model says, which is all that is certified; `certifyExperts` sees it",
    },
  },
}; // prettier-ignore

const checkpoint = {
  certificate: "certifyModel",
  given: "the trained Llama on 96 tokens that it wrote, with the logits of its differentiable twin",
  async make(seed) {
    const { model, ids } = await passage(seed, 96, 0);
    const { tensors } = decodeSafetensors(
      readFileSync(new URL("tiny-llama-text/model.safetensors", models)),
    );
    const vocab = model.config.vocabSize;
    const reference = toTypedArray(logits(tensors, ids, model.config)).slice(-vocab);
    const certify = (params, config = model.config) =>
      certifyModel(languageModel(params, config), ids, { reference });
    const altered = (change) =>
      certify(Object.fromEntries(Object.entries(tensors).map(([name, w]) => [name, change(w, name)])));
    return { model, tensors, certify, altered };
  },
  honest: ({ tensors, certify }) => certify(tensors),
  faults: {
    "scales of the weights left out": ({ altered }) => altered((w) => (w.shape.length === 2 ? mul(8, w) : w)),
    "rows of one matrix moved by one": ({ altered }) => altered((w, name) => (name.endsWith("layers.1.self_attn.q_proj.weight") ? roll(w, 1, 0) : w)),
    "another base of rotary positions": ({ tensors, model, certify }) =>
      certify(tensors, { ...model.config, positions: { ...model.config.positions, base: 500 } }),
    "positions scaled": ({ tensors, model, certify }) =>
      certify(tensors, { ...model.config, positions: { ...model.config.positions, scaling: { type: "linear", factor: 2 } } }),
    "another activation": ({ tensors, model, certify }) => certify(tensors, { ...model.config, activation: "gelu" }),
  },
}; // prettier-ignore

// the one-layer model on worlds of areas
const sizes = { globalSize: 16, localSize: 8 };
const steps = { learningRate: 4, recordEvery: 10 };
const worlds = once(() => new Map());
/** A world of 64 patches and a model trained on it; both certificates look at the same ones. */
function trained(seed) {
  const known = worlds();
  if (!known.has(seed)) {
    const world = createSpatialDistribution(
      [0, 1].map((k) => createAreaPartition(foldIn(key(seed), k), { numPatches: 64, ...sizes })),
    );
    known.set(seed, {
      seed,
      world,
      run: trainMaskedReconstruction(world, key(seed), { ...steps, numSteps: 300 }),
    });
  }
  const { world, run } = known.get(seed);
  return { seed, world, run, correlations: run.correlations };
}
/** Numbers of both matrices changed: `change(value, row, column)`. */
function altered({ phi, upsilon }, change) {
  const apply = (x) => {
    const width = x.shape[1];
    return array(
      Float64Array.from(toTypedArray(x), (v, i) => change(v, Math.floor(i / width), i % width)),
      { shape: [...x.shape] },
    );
  };
  return { phi: apply(phi), upsilon: apply(upsilon) };
}
const worldFaults = (certify) => ({
  "every fourth query forgets": ({ seed, world, correlations }) => certify(world, altered(correlations, (v, row) => (row % 4 === seed % 4 ? 0 : v)), key(seed)),
  "correlations mis-signed": ({ seed, world, correlations }) => certify(world, altered(correlations, (v) => -v), key(seed)),
  "patches renumbered by one": ({ seed, world, correlations }) =>
    certify(world, { phi: roll(correlations.phi, 1, 0), upsilon: roll(correlations.upsilon, 1, 0) }, key(seed)),
  "correlations of another world": ({ seed, world }) => certify(world, trained((seed + 1) % 3).correlations, key(seed)),
  "trained for 10 steps": ({ seed, world }) => certify(world, trainMaskedReconstruction(world, key(seed), { ...steps, numSteps: 10 }).correlations, key(seed)),
}); // prettier-ignore

const reconstruction = {
  certificate: "certifyReconstruction",
  given: "masked reconstruction trained on worlds of 64 patches, 512 fresh images",
  make: (seed) => ({ ...trained(seed % 3), seed }),
  honest: ({ world, correlations, seed }) => certifyReconstruction(world, correlations, key(seed)),
  faults: worldFaults(certifyReconstruction),
};
const attention = {
  certificate: "certifyAreaAttention",
  given: "the same models, 256 fresh images",
  make: (seed) => ({ ...trained(seed % 3), seed }),
  honest: ({ world, correlations, seed }) => certifyAreaAttention(world, correlations, key(seed)),
  faults: {
    ...worldFaults(certifyAreaAttention),
    "trained by contrast instead": ({ world, seed }) =>
      certifyAreaAttention(
        world,
        trainContrastive(world, key(seed), { numSteps: 100, recordEvery: 100 }).correlations,
        key(seed),
      ),
  },
};

/** A history with all of its records changed alike; steps only when asked for. */
const everyColumn = (history, change, also = []) =>
  Object.fromEntries(
    Object.entries(history).map(([name, x]) => [
      name,
      Array.isArray(x) && (name !== "steps" || also.includes(name)) ? change(x) : x,
    ]),
  );

const phases = {
  certificate: "certifyPhases",
  given: "mean-field training of a query among areas of random sizes",
  make(seed) {
    const [big, small] = [40 + 4 * (seed % 10), 4 + (seed % 3)];
    const setting = { sizes: [big, ...new Array(6).fill(small)], queryArea: 1 };
    return { setting, history: simulateMeanField(setting) };
  },
  honest: ({ setting, history }) => certifyPhases(history, setting),
  faults: {
    "time runs backwards": ({ setting, history }) => certifyPhases(everyColumn(history, (column) => [...column].reverse()), setting),
    "mis-signed correlations": ({ setting, history }) => certifyPhases({ ...history, alpha: history.alpha.map((row) => row.map((a) => -a)) }, setting),
    "stopped half way": ({ setting, history }) => {
      const half = history.areaAttention.findIndex((row) => row[history.target] > 0.5);
      return certifyPhases(everyColumn(history, (column) => column.slice(0, half), ["steps"]), setting);
    },
    "history of a query of the global area": ({ setting }) => certifyPhases(simulateMeanField({ ...setting, queryArea: 0 }), setting),
    "attention to another area": ({ setting, history }) =>
      certifyPhases({ ...history, areaAttention: history.areaAttention.map((row) => row.map((_, j) => row[j === 1 ? 2 : j === 2 ? 1 : j])) }, setting),
  },
}; // prettier-ignore

// a masked autoencoder of digits
const vit = once(async () => {
  const { digits } = await import("../../../examples/tour/lib/digits.mjs");
  const load = (perClass, skip) => {
    const { images, count } = digits(perClass, { skip });
    return array(Float32Array.from(images), { shape: [count, 28, 28] });
  };
  const { tensors, metadata } = decodeSafetensors(
    readFileSync(new URL("digits-vit/model.safetensors", models)),
  );
  return {
    load,
    train: load(50, 0),
    model: { config: JSON.parse(metadata.config), params: tensors },
  };
});
const pretraining = {
  certificate: "certifyPretraining",
  given: "the trained masked autoencoder of digits on 100 digits that it has not seen",
  async make(seed) {
    const { load, train, model } = await vit();
    const test = load(10, 700 + 10 * (seed % 15));
    const certify = (of, images = test) => certifyPretraining(of, train, images, key(seed));
    return { seed, model, test, certify };
  },
  honest: ({ model, certify }) => certify(model),
  faults: {
    "not trained": ({ seed, model, certify }) => certify(createMaskedAutoencoder(key(seed), model.config)),
    "mis-signed head": ({ model, certify }) => certify(withParam(model, "head.weight", (w) => mul(-1, w))),
    "weights of the head shuffled": ({ seed, model, certify }) =>
      certify(withParam(model, "head.weight", (w) => array(Float32Array.from(shuffled(toTypedArray(w), key(seed))), { shape: [...w.shape] }))),
    "patches of the images in another order": ({ model, test, certify }) => certify(model, roll(roll(test, 14, 1), 14, 2)),
    "weights rounded to 1 digit": ({ model, certify }) =>
      certify({ ...model, params: Object.fromEntries(Object.entries(model.params).map(([name, w]) => [name, array(toTypedArray(w).map((v) => Math.round(2 * v) / 2), { shape: [...w.shape] })])) }),
    "tested on noise": ({ seed, certify, model, test }) => certify(model, normal(key(seed), [...test.shape])),
  },
}; // prettier-ignore
const withParam = (model, name, change) => ({
  ...model,
  params: { ...model.params, [name]: change(model.params[name]) },
});

export default [experts, continuation, checkpoint, reconstruction, attention, phases, pretraining];
