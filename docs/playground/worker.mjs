// Computes one demo at a time, away from the page. A message { run, id, values } is answered by { run, partial }, { run, result } or { run, error }.

const demos = {
  samplers: () => import("./demos/samplers.mjs"),
  "compiled-flow": () => import("./demos/compiled-flow.mjs"),
  "grid-world": () => import("./demos/grid-world.mjs"),
  preferences: () => import("./demos/preferences.mjs"),
  votes: () => import("./demos/votes.mjs"),
  "attention-phases": () => import("./demos/attention-phases.mjs"),
  "language-model": () => import("./demos/language-model.mjs"),
  "concept-tree": () => import("./demos/concept-tree.mjs"),
  "inverse-problem": () => import("./demos/inverse-problem.mjs"),
  counterfactual: () => import("./demos/counterfactual.mjs"),
};

self.onmessage = async ({ data: { run, id, values } }) => {
  try {
    const { compute } = await demos[id]();
    const result = await compute(values, (partial) => self.postMessage({ run, partial }));
    self.postMessage({ run, result });
  } catch (error) {
    self.postMessage({ run, error: error.message });
  }
};
