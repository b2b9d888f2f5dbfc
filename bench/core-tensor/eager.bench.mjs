// How near is eager code to compiled programs, and how far from other libraries?
import {
  add,
  array,
  crossEntropy,
  exp,
  matmul,
  mul,
  neg,
  relu,
  square,
  sub,
  tanh,
  toTypedArray,
  treeMap,
  valueAndGrad,
  zeros,
} from "@provably/core-tensor";
import { compile, pin } from "@provably/core-tensor/compile";
import { adam, applyUpdates } from "@provably/core-tensor/optim";
import { numbers } from "./data.mjs";

const SIZE = 2 ** 20;
const chain = (a, b, c) => mul(tanh(add(mul(a, b), c)), exp(neg(square(a))));

const fused = {
  name: "tanh(a·b + c)·exp(−a²), float32, 2^20 elements, arguments and result in JavaScript",
  work: SIZE,
  unit: "G elements/s",
  bars: [
    { peer: "tfjs-wasm", ratio: 5 },
    { peer: "jax-js jit", ratio: 4 },
  ],
  async contestants({ peers }) {
    const data = [1, 2, 3].map((seed) => numbers(SIZE, seed));
    const [a, b, c] = data.map((d) => array(d));
    const compiled = compile(chain);
    const list = [
      // an eager result is computed when it is read
      { name: "core-tensor", run: () => chain(a, b, c).data, answer: () => chain(a, b, c).data },
      {
        name: "compiled",
        run: () => compiled(a, b, c).data,
        answer: () => compiled(a, b, c).data,
      },
    ];
    if (peers["tfjs-wasm"]) {
      const { tf } = peers["tfjs-wasm"];
      const run = () => {
        const [p, q, r] = data.map((d) => tf.tensor1d(d));
        const y = tf.tidy(() =>
          tf.mul(tf.tanh(tf.add(tf.mul(p, q), r)), tf.exp(tf.neg(tf.square(p)))),
        );
        const out = y.dataSync();
        for (const t of [p, q, r, y]) t.dispose();
        return out;
      };
      list.push({ name: "tfjs-wasm", run, answer: run });
    }
    if (peers["jax-js"]) {
      const { jit, numpy } = peers["jax-js"].jax;
      const f = jit((x, y, z) =>
        numpy.tanh(x.ref.mul(y).add(z)).mul(numpy.exp(x.ref.mul(x).neg())),
      );
      const run = () =>
        f(...data.map((d) => numpy.array(d, { shape: [SIZE], dtype: numpy.float32 }))).dataSync();
      list.push({ name: "jax-js jit", run, answer: run });
    }
    return list;
  },
};

const [INPUT, HIDDEN, CLASSES, BATCH] = [784, 256, 10, 128];

const trainStep = {
  name: "one training step of a perceptron 784-256-10, batches of 128, gradient descent",
  bars: [{ peer: "compiled", ratio: 0.8 }],
  options: { tolerance: 1e-3 },
  async contestants() {
    const scaled = (count, seed, by) => numbers(count, seed).map((v) => by * v);
    const params = {
      w1: array(scaled(INPUT * HIDDEN, 1, 0.05), { shape: [INPUT, HIDDEN] }),
      b1: zeros([HIDDEN]),
      w2: array(scaled(HIDDEN * CLASSES, 2, 0.1), { shape: [HIDDEN, CLASSES] }),
      b2: zeros([CLASSES]),
    };
    const x = array(numbers(BATCH * INPUT, 3), { shape: [BATCH, INPUT] });
    const y = array(Int32Array.from({ length: BATCH }, (_, i) => i % CLASSES));
    const loss = (p, u, v) =>
      crossEntropy(add(matmul(relu(add(matmul(u, p.w1), p.b1)), p.w2), p.b2), v);
    const step = (p, u, v) => {
      const [, gradient] = valueAndGrad(loss)(p, u, v);
      return treeMap((w, g) => sub(w, mul(0.1, g)), p, gradient);
    };
    const contestant = (name, f) => {
      let state = params;
      return {
        name,
        run() {
          state = f(state, x, y);
          return state.w1.data;
        },
        answer: () => toTypedArray(f(params, x, y).w2),
      };
    };
    return [contestant("core-tensor", step), contestant("compiled", compile(step))];
  },
};

const adamStep = {
  name: "one step of Adam, 200 000 parameters",
  bars: [{ peer: "compiled, resident", ratio: 0.5 }],
  async contestants() {
    const [values, gradient] = [numbers(200_000, 1), numbers(200_000, 2)].map((d) => array(d));
    const optimizer = adam(1e-3);
    const step = (g, params, state) => {
      const [updates, next] = optimizer.update(g, state, params);
      return { params: applyUpdates(params, updates), state: next };
    };
    const answer = (f) => () => toTypedArray(f(gradient, values, optimizer.init(values)).params);
    let eager = { params: values, state: optimizer.init(values) };
    const resident = compile(step, { resident: true, donate: [1, 2] });
    let pinned = { params: pin(values), state: pin(optimizer.init(values)) };
    const g = pin(gradient);
    return [
      {
        name: "core-tensor",
        run() {
          eager = step(gradient, eager.params, eager.state);
          return eager.params.data;
        },
        answer: answer(step),
      },
      {
        name: "compiled, resident",
        run() {
          pinned = resident(g, pinned.params, pinned.state);
        },
        answer: answer(compile(step)),
      },
    ];
  },
};

const decode = {
  name: "float32 1×2048 · 2048×2048, the same weights again and again",
  bars: [{ peer: "pinned", ratio: 0.8 }],
  async contestants() {
    const [x, w] = [array(numbers(2048, 1), { shape: [1, 2048] }), numbers(2048 ** 2, 2)];
    const weights = array(w, { shape: [2048, 2048] });
    const pinned = pin(weights);
    const product = compile((u, v) => matmul(u, v));
    const contestant = (name, run) => ({ name, run, answer: run });
    return [
      contestant("core-tensor", () => matmul(x, weights).data),
      contestant("pinned", () => product(x, pinned).data),
    ];
  },
};

const smallAdd = {
  name: "add of 16 elements, the loops of eager code loaded",
  async contestants({ peers }) {
    const [a, b] = [array(numbers(16, 1)), array(numbers(16, 2))];
    const many = (f) => () => {
      for (let i = 0; i < 100; i++) f();
    };
    const list = [
      { name: "core-tensor", run: many(() => add(a, b)), answer: () => add(a, b).data },
    ];
    if (peers["tfjs-wasm"]) {
      const { tf } = peers["tfjs-wasm"];
      const [p, q] = [numbers(16, 1), numbers(16, 2)].map((d) => tf.tensor1d(d));
      list.push({
        name: "tfjs-wasm",
        run: many(() => tf.add(p, q).dispose()),
        answer: () => tf.add(p, q).dataSync(),
      });
    }
    return list;
  },
};

export default {
  title: "eager: whole steps without compile",
  cases: [fused, trainStep, adamStep, decode, smallAdd],
};
