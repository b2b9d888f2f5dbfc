// The hot paths of the packages as compiled programs: what is checked and timed on a GPU. Each is a function of arrays; `make(size)` gives
// its inputs, `work` the floating-point operations of one call (0 where bytes count), and peer.py computes the same with PyTorch.
import * as p from "@provably/core-tensor";
import { scan } from "@provably/core-tensor/compile";
import { key, normal, uniform } from "@provably/core-tensor/random";

const last = (f, init, xs, options) => scan((c, x) => [f(c, x), null], init, xs, options)[0];

export const programs = {
  chain: {
    title: "tanh(a·b + c)·exp(−a²)",
    sizes: { small: { n: 1 << 14 }, full: { n: 1 << 24 } },
    make: ({ n }) => [1, 2, 3].map((k) => normal(key(k), [n])),
    run: (a, b, c) => p.mul(p.tanh(p.add(p.mul(a, b), c)), p.exp(p.neg(p.square(a)))),
    work: () => 0,
  },
  sum: {
    title: "sum of all elements",
    sizes: { small: { n: 1 << 16 }, full: { n: 1 << 24 } },
    make: ({ n }) => [uniform(key(1), [n])],
    run: (x) => p.sum(x),
    work: () => 0,
  },
  softmax: {
    title: "softmax of rows",
    sizes: { small: { rows: 64, cols: 256 }, full: { rows: 4096, cols: 4096 } },
    make: ({ rows, cols }) => [normal(key(1), [rows, cols])],
    run: (x) => p.softmax(x),
    work: () => 0,
  },
  gemm: {
    title: "matrix product",
    sizes: { small: { n: 96 }, full: { n: 2048 } },
    make: ({ n }) => [normal(key(1), [n, n]), normal(key(2), [n, n])],
    run: (a, b) => p.matmul(a, b),
    work: ({ n }) => 2 * n ** 3,
  },
  gemmChain: {
    title: "ten matrix products in a row, x ← tanh(x·w/√n)",
    sizes: { small: { n: 64 }, full: { n: 2048 } },
    make: ({ n }) => [normal(key(1), [n, n]), normal(key(2), [n, n])],
    run: (x, w) =>
      last((c) => p.tanh(p.div(p.matmul(c, w), Math.sqrt(w.shape[0]))), x, null, { length: 10 }),
    work: ({ n }) => 20 * n ** 3,
  },
  attention: {
    title: "causal attention over blocks of keys with a running softmax",
    sizes: {
      small: { heads: 2, t: 32, d: 16, blockSize: 16 },
      full: { heads: 16, t: 2048, d: 64, blockSize: 512 },
    },
    make: ({ heads, t, d }) => [1, 2, 3].map((k) => normal(key(k), [heads, t, d])),
    run: (q, k, v, { blockSize }) => p.attention(q, k, v, { causal: true, blockSize }),
    work: ({ heads, t, d }) => 4 * heads * t * t * d,
  },
  attentionUnstored: {
    title: "causal attention with all keys at once, whose weights are too many to be stored",
    // 2²⁶ weights, where 2²⁵ are the most that are stored
    sizes: { small: { heads: 2, t: 32, d: 16 }, full: { heads: 16, t: 2048, d: 64 } },
    make: ({ heads, t, d }) => [1, 2, 3].map((k) => normal(key(k), [heads, t, d])),
    run: (q, k, v) => p.attention(q, k, v, { causal: true }),
    work: ({ heads, t, d }) => 4 * heads * t * t * d,
  },
  empiricalScore: {
    title: "score of a smoothed data set, over chunks of it",
    sizes: {
      small: { n: 32, data: 200, d: 4, chunk: 50 },
      full: { n: 4096, data: 20000, d: 32, chunk: 5000 },
    },
    make: ({ n, data, d }) => [normal(key(1), [n, d]), normal(key(2), [data, d])],
    // Σ w_i (μ_i − x)/σ² with softmax weights; as attention: scores x·μ/σ² − |μ|²/2σ², values μ
    run(x, data, { chunk }) {
      const variance = 0.5;
      const bias = p.mul(-0.5 / variance, p.sum(p.square(data), { axis: 1 }));
      const mean = p.attention(p.expandDims(x, 0), p.expandDims(data, 0), p.expandDims(data, 0), {
        scale: 1 / variance,
        mask: bias,
        blockSize: chunk,
      });
      return p.div(p.sub(p.squeeze(mean, 0), x), variance);
    },
    work: ({ n, data, d }) => 4 * n * data * d,
  },
  conv2d: {
    title: "3×3 convolution",
    sizes: {
      small: { batch: 2, c: 3, side: 12, filters: 4 },
      full: { batch: 32, c: 64, side: 56, filters: 64 },
    },
    make: ({ batch, c, side, filters }) => [
      normal(key(1), [batch, c, side, side]),
      normal(key(2), [filters, c, 3, 3]),
    ],
    run: (x, w) => p.relu(p.conv2d(x, w, { padding: 1 })),
    work: ({ batch, c, side, filters }) => 2 * batch * filters * side * side * c * 9,
  },
  gatheredFeedForward: {
    title: "feed-forward block of the chosen half of its neurons",
    sizes: { small: { t: 4, d: 16, neurons: 64 }, full: { t: 64, d: 2048, neurons: 8192 } },
    make: ({ t, d, neurons }) => [
      normal(key(1), [t, d]),
      p.mul(0.02, normal(key(2), [neurons, d])),
      p.mul(0.02, normal(key(3), [neurons, d])),
      p.mul(0.02, normal(key(4), [neurons, d])),
      p.slice(p.argsort(uniform(key(5), [neurons])), [0], [neurons / 2]),
    ],
    run(x, gate, up, down, chosen) {
      const [g, u, w] = [gate, up, down].map((rows) => p.take(rows, chosen));
      const hidden = p.mul(
        p.silu(p.matmul(x, p.matrixTranspose(g))),
        p.matmul(x, p.matrixTranspose(u)),
      );
      return p.matmul(hidden, w);
    },
    work: ({ t, d, neurons }) => 3 * t * d * neurons,
  },
  mixtureSampler: {
    title: "50 steps of a sampler with the exact score of a Gaussian mixture",
    sizes: { small: { particles: 256, modes: 3 }, full: { particles: 100_000, modes: 16 } },
    make: ({ particles, modes }) => [
      normal(key(1), [particles, 2]),
      p.mul(2, normal(key(2), [modes, 2])),
      p.linspace(3, 0.02, 50),
    ],
    run: (x, means, times) =>
      last(
        (state, t) => {
          const decay = p.exp(p.neg(t));
          const variance = p.sub(1, p.mul(0.96, p.square(decay)));
          const away = p.sub(p.expandDims(state, 1), p.mul(decay, means));
          const weights = p.softmax(
            p.div(p.sum(p.square(away), { axis: -1 }), p.mul(-2, variance)),
          );
          const score = p.neg(
            p.div(p.sum(p.mul(p.expandDims(weights, -1), away), { axis: 1 }), variance),
          );
          return p.add(state, p.mul(2.98 / 49, p.add(state, score)));
        },
        x,
        times,
      ),
    work: () => 0,
  },
  robustValueIteration: {
    title: "300 sweeps of robust value iteration, total variation",
    sizes: { small: { states: 12, actions: 3 }, full: { states: 400, actions: 16 } },
    make({ states, actions }) {
      const raw = uniform(key(1), [states, actions, states]);
      return [
        p.div(raw, p.sum(raw, { axis: -1, keepDims: true })),
        uniform(key(2), [states, actions]),
      ];
    },
    // the worst law within radius 0.4 takes mass 0.2 from the best states and gives it to the worst
    run(law, reward) {
      const backup = (v) => {
        const order = p.argsort(v, { descending: true });
        const mass = p.take(law, order, { axis: 2 });
        const before = p.sub(p.cumsum(mass, { axis: 2 }), mass);
        const taken = p.minimum(mass, p.maximum(p.sub(0.2, before), 0));
        const worst = p.add(
          p.sum(p.mul(p.sub(mass, taken), p.take(v, order)), { axis: -1 }),
          p.mul(p.sum(taken, { axis: -1 }), p.min(v)),
        );
        return p.max(p.add(reward, p.mul(0.9, worst)), { axis: -1 });
      };
      return last(backup, p.zeros([law.shape[0]], { dtype: law.dtype }), null, { length: 300 });
    },
    work: () => 0,
  },
  training: {
    title: "20 training steps of a perceptron 784-256-10, batch 128",
    sizes: {
      small: { batch: 8, inputs: 12, hidden: 8 },
      full: { batch: 128, inputs: 784, hidden: 256 },
    },
    make: ({ batch, inputs, hidden }) => [
      normal(key(1), [batch, inputs]),
      p.oneHot(p.argmax(normal(key(2), [batch, 10]), { axis: 1 }), 10),
      p.mul(0.05, normal(key(3), [inputs, hidden])),
      p.mul(0.05, normal(key(4), [hidden, 10])),
    ],
    run(x, y, w1, w2) {
      const loss = (a, b) =>
        p.neg(
          p.mean(p.sum(p.mul(y, p.logSoftmax(p.matmul(p.relu(p.matmul(x, a)), b))), { axis: 1 })),
        );
      const step = ([a, b]) => {
        const [da, db] = p.grad(loss, { argnums: [0, 1] })(a, b);
        return [p.sub(a, p.mul(0.1, da)), p.sub(b, p.mul(0.1, db))];
      };
      return last(step, [w1, w2], null, { length: 20 })[1];
    },
    work: ({ batch, inputs, hidden }) => 20 * 6 * batch * hidden * (inputs + 10),
  },
};
