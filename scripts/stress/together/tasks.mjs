// Computations of every package, short enough to run many times side by side. Each gives all that it found.
import { add, grad, matmul, mean, softmax, square, sub, tanh } from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { svd } from "@provably/core-tensor/linalg";
import { adam, applyUpdates } from "@provably/core-tensor/optim";
import { foldIn, gamma, key, normal } from "@provably/core-tensor/random";
import { bradleyTerryOracle, readPreferences, onlineVpo, solveVpo } from "@provably/rlhf-vpo";
import { drNvi, randomMarkovGame } from "@provably/robust-rl";
import {
  acceleratedOde,
  acceleratedSde,
  dpnp,
  gaussianMixture,
  gaussianNoise,
  matrixOperator,
  sample,
  sampleAsync,
} from "@provably/score-diffusion";

const drawn = (shape, name, dtype = "float32") =>
  normal(foldIn(key("together"), name), shape, { dtype });
const law = () => gaussianMixture({ weights: [1, 2], means: [[-1, 0], [1, 0.5]], variances: [0.1, 0.2] }); // prettier-ignore
const half = Math.log(0.5);
const layers = (...[x, w, b]) => softmax(matmul(tanh(add(matmul(x, w), b)), w));

export const tasks = {
  sampler: () => sample(acceleratedSde, law(), key(1), { shape: [64, 2], numSteps: 20 }),

  // a model that answers later, so that two such runs take turns at every step
  async asyncSampler() {
    const { prediction, evaluate } = law();
    const later = async (x, level) => {
      await new Promise((resolve) => setTimeout(resolve));
      return evaluate(x, level);
    };
    return sampleAsync(acceleratedOde, { prediction, evaluate: later }, key(2), {
      shape: [64, 2],
      numSteps: 20,
    });
  },

  posterior() {
    const forward = gaussianNoise(matrixOperator([[1, 0]]), 0.5);
    return dpnp(forward, [0.7], law(), key(3), { numSamples: 32, etas: [1, 0.5, 0.2, 0.1] });
  },

  drNvi: () =>
    drNvi(randomMarkovGame(key(4), { numStates: 4, numActions: [3, 3], horizon: 20 }), [0.1, 0.3], {
      solutionConcept: "nash",
    }),

  onlineVpo() {
    const problem = { data: [[0, 0, 1]], logReference: [[half, half], [half, half]] }; // prettier-ignore
    const options = { beta: 0.5, alphaSum: 2, bound: { kind: "box", size: 2 }, numSteps: 40 };
    return onlineVpo(key(5), problem, bradleyTerryOracle([[1, 0], [0, 0.5]]), options); // prettier-ignore
  },

  solveVpo: () => solveVpo({ data: [[0, 0, 1], [0, 0, 1], [0, 1, 0]], logReference: [[half, half]] }, { beta: 1, alpha: 0.2 }), // prettier-ignore

  async jsonl() {
    const chunks = Array.from(
      { length: 50 },
      (_, i) => `{"prompt": "q", "chosen": "a", "rejected": "b", "margin": ${Math.sqrt(i)}}\n`,
    );
    const margins = [];
    for await (const { record } of readPreferences(chunks)) margins.push(record.margin);
    return margins;
  },

  training() {
    const x = drawn([40, 8], "x");
    const loss = (w) => mean(square(sub(tanh(matmul(x, w)), drawn([40, 3], "y"))));
    const { init, update } = adam(0.05);
    let w = drawn([8, 3], "w");
    let state = init(w);
    for (let i = 0; i < 30; i++) {
      const [step, next] = update(grad(loss)(w), state, w);
      [w, state] = [applyUpdates(w, step), next];
    }
    return w;
  },

  decomposition: () => svd(drawn([20, 12], "matrix", "float64")),

  draws: () => [gamma(key(6), 0.7, [200]), normal(key(7), [200])],

  compiled() {
    const args = [drawn([150, 120], "left"), drawn([120, 120], "right"), drawn([120], "bias")];
    return [1, 2, 3].map((threads) => compile(layers, { threads })(...args));
  },
};
