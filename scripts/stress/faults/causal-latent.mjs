// Planted faults for the certificates of causal-latent.
import { array, concat, slice, take, toTypedArray } from "@provably/core-tensor";
import { foldIn, key, normal, permutation } from "@provably/core-tensor/random";
import { tableFromRows } from "@provably/core-tensor/table";
import {
  certifyFit,
  certifyGroups,
  certifyHierarchy,
  conceptGraph,
  fitHierarchy,
  presetGraph,
  randomCpts,
  sampleHierarchy,
} from "@provably/causal-latent/hierarchy";
import {
  certifyCounterfactual,
  encodeSentences,
  loadMatte,
  makeReviewCorpus,
  stylePoles,
} from "@provably/causal-latent/matte";
import { readFileSync } from "node:fs";

const graph = presetGraph("treeDeep");
const rewired = (parents) =>
  conceptGraph({ ...graph.parents, ...parents }, { observed: graph.observed });
const int32 = (values, shape) => array(Int32Array.from(values), { shape });
/** Every column in an order of its own. */
function shuffledColumns({ data, names }, seed) {
  const [n, d] = data.shape;
  const orders = Array.from({ length: d }, (_, j) =>
    toTypedArray(permutation(foldIn(key(seed), j), n)),
  );
  return {
    names,
    data: int32(
      Array.from({ length: n * d }, (_, i) => data.get(orders[i % d][Math.floor(i / d)], i % d)),
      data.shape,
    ),
  };
}
/** A share of all labels replaced by the other of two states. */
function noisyLabels({ data, names }, share, seed) {
  const order = toTypedArray(permutation(key(seed), data.size)).slice(
    0,
    Math.round(share * data.size),
  );
  const values = Int32Array.from(toTypedArray(data));
  for (const i of order) values[i] = 1 - values[i];
  return { names, data: int32(values, [...data.shape]) };
}

/** Answers of so many people to 15 items, five on each of three latents that go together at 0.3; in numbers from 1 to 6. */
function answers(seed, people) {
  const z = normal(key(seed), [people, 19]);
  const latent = (i, k) => Math.sqrt(0.3) * z.get(i, 18) + Math.sqrt(0.7) * z.get(i, 15 + k);
  return tableFromRows(
    Array.from({ length: people }, (_, i) =>
      Object.fromEntries(
        Array.from({ length: 15 }, (_, j) => {
          const x = 0.75 * latent(i, Math.floor(j / 5)) + Math.sqrt(1 - 0.75 ** 2) * z.get(i, j);
          return [`q${j}`, Math.min(6, Math.max(1, Math.round(1.2 * x + 3.5)))];
        }),
      ),
    ),
  );
}
const group = (name, items) => ({ name, items: items.map((j) => ({ name: `q${j}`, loading: 1 })) });
const statementsOn = (groups, table) => Object.values(certifyGroups({ groups }, table));

const survey = {
  certificate: "certifyGroups",
  given: "the true groups of 15 items on the answers of 1500 people",
  make: (seed) => ({ table: answers(seed, 1500) }),
  honest: ({ table }) =>
    statementsOn([group("A", [0, 1, 2, 3, 4]), group("B", [5, 6, 7, 8, 9]), group("C", [10, 11, 12, 13, 14])], table),
  faults: {
    "two items change places": ({ table }) =>
      statementsOn([group("A", [5, 1, 2, 3, 4]), group("B", [0, 6, 7, 8, 9]), group("C", [10, 11, 12, 13, 14])], table),
    "two groups put together": ({ table }) =>
      statementsOn([group("A", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), group("C", [10, 11, 12, 13, 14])], table),
    "a group split in two": ({ table }) =>
      statementsOn([group("A", [0, 1]), group("D", [2, 3, 4]), group("B", [5, 6, 7, 8, 9]), group("C", [10, 11, 12, 13, 14])], table),
  },
}; // prettier-ignore

/** All statements about a graph. */
const statements = (graph, data) => Object.values(certifyHierarchy(graph, data));

const hierarchy = {
  certificate: "certifyHierarchy",
  given: "the true tree of 10 variables and 6 latents on 8000 fresh rows of random tables",
  make(seed) {
    const cpts = randomCpts(graph, key(seed));
    return { seed, cpts, fresh: sampleHierarchy(graph, cpts, 8000, foldIn(key(seed), "fresh")) };
  },
  honest: ({ fresh }) => statements(graph, fresh),
  faults: {
    "two leaves swapped": ({ fresh }) => statements(rewired({ X1: graph.parents.X3, X3: graph.parents.X1 }), fresh),
    "an edge that is not there": ({ fresh }) => statements(rewired({ L6: ["L3", "L4"] }), fresh),
    "an edge missing": ({ fresh }) => statements(rewired({ L2: [] }), fresh),
    "labels shuffled, column by column": ({ fresh, seed }) => statements(graph, shuffledColumns(fresh, seed)),
    "columns renamed by one place": ({ fresh }) => statements(graph, { data: fresh.data, names: [...fresh.names.slice(1), fresh.names[0]] }),
    "a twentieth of the labels flipped": {
      damage: ({ fresh, seed }) => statements(graph, noisyLabels(fresh, 0.05, seed)),
      note: "independent errors of the labels leave every rank as it is: the same tree with noisier tables",
    },
  },
}; // prettier-ignore

const fit = {
  certificate: "certifyFit",
  given: "tables fitted to 8000 rows of the same tree, on 8000 others, at level 0.01",
  make(seed) {
    const cpts = randomCpts(graph, key(seed));
    const rows = (name) => sampleHierarchy(graph, cpts, 8000, foldIn(key(seed), name));
    return { seed, cpts, fresh: rows("fresh"), train: rows("train"), certify: (model, data) => certifyFit(model, data, { significance: 0.01 }) };
  },
  honest: ({ cpts, fresh, certify }) => certify({ graph, cpts }, fresh),
  faults: {
    "one table of another model": {
      damage: ({ seed, cpts, fresh, certify }) => certify({ graph, cpts: { ...cpts, X1: randomCpts(graph, key(seed + 1000)).X1 } }, fresh),
      note: "two random tables can be alike",
    },
    "states of one latent exchanged below it only": ({ cpts, fresh, certify }) => certify({ graph, cpts: { ...cpts, X1: flippedRows(cpts.X1) } }, fresh),
    "fitted to shuffled labels": ({ seed, fresh, train, certify }) =>
      certify(fitHierarchy(graph, shuffledColumns(train, seed), key(seed), { restarts: 1 }), fresh),
    "a twentieth of the labels flipped": ({ seed, cpts, fresh, certify }) => certify({ graph, cpts }, noisyLabels(fresh, 0.05, seed)),
    "one column is another": ({ cpts, fresh, certify }) => {
      const names = [...fresh.names];
      [names[0], names[5]] = [names[5], names[0]];
      return certify({ graph, cpts }, { data: fresh.data, names });
    },
  },
}; // prettier-ignore
/** Rows of a table of two parent states in reverse order. */
const flippedRows = (table) => take(table, array(Int32Array.of(1, 0)), { axis: 0 });

// counterfactual sentences, by the trained model of the examples
let story;
const setup = () =>
  (story ??= (async () => {
    const { judge, polesOf, vocabulary } =
      await import("../../../examples/counterfactual-text/setup.mjs");
    const { model } = loadMatte(
      readFileSync(
        new URL("../../../examples/models/review-transfer/model.safetensors", import.meta.url),
      ),
    );
    return { judge, vocabulary, model, poles: polesOf(model) };
  })());

const withNetwork = (model, parts) => ({
  ...model,
  params: { ...model.params, network: { ...model.params.network, ...parts } },
});
/** The encoder with its units in other places, means and log-variances alike. */
function withLatents(model, place) {
  const { encoder } = model.params.network;
  const latents = encoder.head.shape[1] / 2;
  const order = Int32Array.from(
    { length: 2 * latents },
    (_, i) => i - (i % latents) + place(i % latents),
  );
  return withNetwork(model, {
    encoder: { ...encoder, head: take(encoder.head, array(order), { axis: 1 }) },
  });
}
const counterfactuals = {
  certificate: "certifyCounterfactual",
  given: "the trained model of reviews on 300 new sentences; style, content and cycle",
  async make(seed) {
    const { judge, vocabulary, model, poles } = await setup();
    const corpus = makeReviewCorpus(300, foldIn(key("faults"), seed));
    const held = {
      observed: encodeSentences(vocabulary, corpus.sentences, { length: 10 }).tokens,
      labels: corpus.labels,
      domains: corpus.domains,
    };
    const certify = ({ of = model, data = held, flip = {}, by = judge } = {}) =>
      Object.values(certifyCounterfactual(of, data, { kind: "reflect", poles, ...flip }, by)).map(
        ({ certificate }) => certificate,
      );
    return { seed, held, model, poles, judge, certify };
  },
  honest: ({ certify }) => certify(),
  faults: {
    "poles of shuffled labels": {
      damage: ({ seed, held, model, certify }) => {
        const labels = Array.from(toTypedArray(permutation(key(seed), 300)), (i) => held.labels[i]);
        return certify({ flip: { poles: stylePoles(model, held.observed, labels, held.domains) } });
      },
      note: "else chance has put the poles along the true axis, about the same middle, and the reflection is the right one",
    },
    "the flip goes a tenth of the way": ({ certify }) =>
      certify({ flip: { kind: "axis", strength: 0.1 } }),
    "domains shuffled": {
      damage: ({ seed, held, certify }) => {
        const domains = Array.from(
          toTypedArray(permutation(key(seed), 300)),
          (i) => held.domains[i],
        );
        return certify({ data: { ...held, domains } });
      },
      note: "only the prior reads the domain: noise that comes and goes through the same wrong prior is reflected all the same",
    },
    "content of the sentence before": ({ held, judge, certify }) => {
      const rotated = concat([slice(held.observed, [1]), slice(held.observed, [0], [1])]);
      return certify({ by: { ...judge, content: (_, result) => judge.content(rotated, result) } });
    },
    "units of content in another order": ({ seed, model, certify }) => {
      const order = Array.from(toTypedArray(permutation(key(seed), model.config.contentSize)));
      return certify({ of: withLatents(model, (unit) => order[unit] ?? unit) });
    },
    "the style exchanged for two units of content in the encoder": ({ model, certify }) => {
      const { contentSize, styleSize } = model.config;
      return certify({
        of: withLatents(model, (unit) =>
          unit < styleSize ? contentSize + unit : unit >= contentSize ? unit - contentSize : unit,
        ),
      });
    },
    "every word decoded as its neighbour in the vocabulary": ({ model, certify }) => {
      const { decoder } = model.params.network;
      // the first three are no words: padding, start and end
      const count = decoder.words.shape[0];
      const next = array(
        Int32Array.from({ length: count }, (_, i) => (i < 3 ? i : i === 3 ? count - 1 : i - 1)),
      );
      const out = {
        weights: take(decoder.out.weights, next, { axis: 1 }),
        bias: take(decoder.out.bias, next),
      };
      return certify({
        of: withNetwork(model, {
          decoder: { ...decoder, words: take(decoder.words, next, { axis: 0 }), out },
        }),
      });
    },
  },
};

export default [survey, hierarchy, fit, counterfactuals];
