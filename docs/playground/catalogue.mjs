// The systems of the playground and their parameters. What a system computes is in demos/<id>.mjs, which only the worker loads.

const range = (name, label, min, max, step, value) => ({
  kind: "range",
  name,
  label,
  min,
  max,
  step,
  value,
});
const text = (name, label, maxLength, value) => ({ kind: "text", name, label, maxLength, value });
const select = (name, label, options, value = options[0]) => ({
  kind: "select",
  name,
  label,
  options,
  value,
});

export const catalogue = [
  {
    id: "samplers",
    title: "Diffusion samplers",
    package: "score-diffusion",
    question:
      "How many steps does a sampler need? Paths from noise to a mixture of three normal laws whose score is known exactly.",
    controls: [
      select("sampler", "sampler", [
        "acceleratedOde",
        "acceleratedOdeMultistep",
        "pfOde",
        "ddim",
        "acceleratedSde",
        "ddpm",
      ]),
      range("numSteps", "steps", 5, 160, 1, 20),
      range("points", "points", 20, 400, 20, 120),
      range("seed", "random key", 0, 20, 1, 0),
    ],
  },
  {
    id: "compiled-flow",
    title: "Compiled flow",
    package: "core-tensor",
    question:
      "How fast does a whole sampler run as one program? Particles flow from noise to a ring of eight normal laws, by WebAssembly or on your GPU.",
    controls: [
      select("runs", "runs on", ["WebAssembly", "the GPU, where there is WebGPU"]),
      range("particles", "particles", 10000, 200000, 10000, 50000),
      range("numSteps", "steps", 5, 200, 5, 100),
    ],
  },
  {
    id: "grid-world",
    title: "Robust grid world",
    package: "robust-rl",
    question:
      "What should you do when every move may be worse than you think? Nature may shift a share of each transition's probability.",
    controls: [
      range("radius", "radius of model error (total variation)", 0, 0.6, 0.02, 0.1),
      range("slip", "probability of slipping", 0, 0.6, 0.05, 0.2),
      range("discount", "discount", 0.5, 0.99, 0.01, 0.95),
      select("support", "nature may move mass to", ["nominal successors", "any state"]),
    ],
  },
  {
    id: "preferences",
    title: "Preference bandit",
    package: "rlhf-vpo",
    question:
      "Ten responses, some comparisons of them, and a policy learned from those: does pessimism pay?",
    controls: [
      range("comparisons", "comparisons", 5, 400, 5, 40),
      range("alpha", "pessimism α (0 is DPO)", 0, 30, 0.5, 10),
      range("beta", "temperature β", 0.2, 3, 0.1, 1),
      range("seed", "random key", 0, 20, 1, 0),
    ],
  },
  {
    id: "votes",
    title: "Votes on pictures",
    package: "rlhf-vpo",
    question:
      "Which picture is the best, and whom should one ask about what? Vote on two at a time: the ranking, its uncertainty and the next question follow.",
    controls: [
      { kind: "hidden", name: "votes", value: "" },
      select("by", "ranked by", ["score", "a cautious score", "a hopeful score"]),
      range("spread", "how far scores may lie apart", 0.5, 4, 0.5, 1.5),
    ],
  },
  {
    id: "attention-phases",
    title: "Attention phases",
    package: "transformer-sparsity",
    question:
      "A patch learns, by masked pretraining, to look at its own area. When a global area is much larger, it first has to look away from that one.",
    controls: [
      range("globalSize", "patches of the global area", 4, 120, 4, 76),
      range("localSize", "patches of each local area", 2, 12, 1, 4),
      range("localAreas", "local areas", 2, 12, 1, 6),
      range("numSteps", "gradient steps", 100, 1000, 50, 400),
    ],
  },
  {
    id: "language-model",
    title: "Sparse language model",
    package: "transformer-sparsity",
    question:
      "A small model trained on public-domain text writes on, once with all neurons and once with the share that its prompt used most, and with others.",
    controls: [
      text("prompt", "prompt", 400, "In the beginning God created the heaven and the"),
      select("method", "neurons that stay", ["griffin", "magnitude", "random"]),
      range("density", "share that stays", 0.1, 1, 0.05, 0.5),
      range("tokens", "tokens to write", 10, 120, 10, 40),
    ],
  },
  {
    id: "concept-tree",
    title: "Concept tree",
    package: "causal-latent",
    question:
      "Hidden concepts cause what is observed. From the observations alone, tests of rank find the tree above them, or fail to.",
    controls: [
      select("graph", "true graph", ["tree3", "star", "chain", "twoCluster", "treeDeep"]),
      range("samples", "observations", 200, 20000, 200, 5000),
      range("strength", "strength of causes", 0.3, 0.95, 0.05, 0.8),
      range("seed", "random key", 0, 20, 1, 0),
    ],
  },
  {
    id: "inverse-problem",
    title: "Inverse problem",
    package: "score-diffusion",
    question:
      "A digit was measured badly. Which digits could it have been? Draw one, or choose one, and sample the posterior under a trained network.",
    controls: [
      { kind: "sketch", name: "sketch", label: "draw a digit", size: 28 },
      select("digit", "or take this one", ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "3"),
      select("problem", "what is measured", [
        "a quarter of the pixels",
        "4× smaller",
        "one bit a pixel",
        "magnitudes of a coded Fourier transform",
      ]),
      range("rounds", "rounds of annealing", 2, 30, 1, 6),
      range("seed", "random key", 0, 20, 1, 0),
    ],
  },
  {
    id: "counterfactual",
    title: "Counterfactual sentences",
    package: "causal-latent",
    question:
      "What would the review say, had its author been of the other opinion? The model keeps the content and flips the noise of the style.",
    controls: [
      select("domain", "reviews of", ["restaurants", "films", "electronics", "hotels"]),
      select("flip", "flip of the style", ["reflect", "noise"]),
      range("count", "sentences", 3, 20, 1, 8),
    ],
  },
];
