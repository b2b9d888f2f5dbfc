// What do compiled programs gain over eager calls and over the compilers of other libraries?
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
} from "@provably/core-tensor";
import { compile, explain, free, pin } from "@provably/core-tensor/compile";
import { numbers, pytorch } from "./data.mjs";

const SIZE = 2 ** 20;
const chain = (a, b, c) => mul(tanh(add(mul(a, b), c)), exp(neg(square(a))));

const chainCase = (resident) => ({
  name: `tanh(a·b + c)·exp(−a²), float32, 2^20 elements, ${resident ? "arrays resident" : "copies included"}`,
  work: SIZE,
  unit: "G elements/s",
  bars: resident
    ? [
        { peer: "tfjs-wasm", ratio: 8 },
        { peer: "jax-js jit", ratio: 5 },
        { peer: "pytorch", ratio: 3 },
      ]
    : [
        { peer: "tfjs-wasm", ratio: 4 },
        { peer: "jax-js jit", ratio: 2.3 },
      ],
  async contestants({ peers, torch }) {
    const data = [1, 2, 3].map((seed) => numbers(SIZE, seed));
    const [a, b, c] = data.map((d) => array(d));
    const compiled = compile(chain);
    const list = [
      {
        name: "core-tensor",
        run: () => compiled(a, b, c),
        answer: () => toTypedArray(compiled(a, b, c)),
      },
    ];
    if (resident) {
      const stays = compile(chain, { resident: true });
      const pinned = pin([a, b, c]);
      list[0] = { ...list[0], run: () => free(stays(...pinned)) };
    }
    list.push({
      name: "eager",
      // computed when it is read
      run: () => chain(a, b, c).data,
      answer: () => toTypedArray(chain(a, b, c)),
    });
    if (peers["tfjs-wasm"]) {
      const { tf } = peers["tfjs-wasm"];
      const [p, q, r] = data.map((d) => tf.tensor1d(d));
      const f = () =>
        tf.tidy(() => tf.mul(tf.tanh(tf.add(tf.mul(p, q), r)), tf.exp(tf.neg(tf.square(p)))));
      const answer = () => {
        const inputs = resident ? [] : data.map((d) => tf.tensor1d(d));
        const y = f();
        const out = y.dataSync();
        for (const t of [y, ...inputs]) t.dispose();
        return out;
      };
      list.push({ name: "tfjs-wasm", run: resident ? () => f().dispose() : answer, answer });
    }
    if (peers["jax-js"]) {
      const { jit, numpy } = peers["jax-js"].jax;
      const make = () => data.map((d) => numpy.array(d, { shape: [SIZE], dtype: numpy.float32 }));
      const f = jit((x, y, z) =>
        numpy.tanh(x.ref.mul(y).add(z)).mul(numpy.exp(x.ref.mul(x).neg())),
      );
      const [p, q, r] = make();
      const answer = () => (resident ? f(p.ref, q.ref, r.ref) : f(...make())).dataSync();
      // results are lazy until they are waited for
      const wait = async () => (await f(p.ref, q.ref, r.ref).blockUntilReady()).dispose();
      list.push({ name: "jax-js jit", async: resident, run: resident ? wait : answer, answer });
    }
    return [...list, ...pytorch(torch, ["chain", SIZE])];
  },
});

const [INPUT, HIDDEN, CLASSES, BATCH] = [784, 256, 10, 128];

const trainStep = {
  name: "one training step of a perceptron 784-256-10, batches of 128, gradient descent",
  work: 6 * BATCH * HIDDEN * (INPUT + CLASSES) - 2 * BATCH * HIDDEN * INPUT,
  unit: "GFLOPS",
  bars: [
    { peer: "tfjs-wasm", ratio: 1.5 },
    { peer: "pytorch", ratio: 0.5, node: 22 },
  ],
  options: { tolerance: 1e-3 },
  async contestants({ peers, torch }) {
    const scaled = (count, seed, by) => numbers(count, seed).map((v) => by * v);
    const data = {
      w1: scaled(INPUT * HIDDEN, 1, 0.05),
      b1: new Float32Array(HIDDEN),
      w2: scaled(HIDDEN * CLASSES, 2, 0.1),
      b2: new Float32Array(CLASSES),
    };
    const shapes = { w1: [INPUT, HIDDEN], b1: [HIDDEN], w2: [HIDDEN, CLASSES], b2: [CLASSES] };
    const images = numbers(BATCH * INPUT, 3);
    const classes = Int32Array.from({ length: BATCH }, (_, i) => i % CLASSES);
    const params = Object.fromEntries(
      Object.entries(data).map(([name, d]) => [name, array(d, { shape: shapes[name] })]),
    );
    const [x, y] = [array(images, { shape: [BATCH, INPUT] }), array(classes)];
    const loss = (p, u, v) =>
      crossEntropy(add(matmul(relu(add(matmul(u, p.w1), p.b1)), p.w2), p.b2), v);
    const step = (p, u, v) => {
      const [value, gradient] = valueAndGrad(loss)(p, u, v);
      return { value, params: treeMap((w, g) => sub(w, mul(0.1, g)), p, gradient) };
    };
    const compiled = compile(step, { resident: true, donate: [0] });
    let state = pin(params);
    const answer = (run) => () => toTypedArray(run(params, x, y).params.w2);
    const list = [
      {
        name: "core-tensor",
        run() {
          const result = compiled(state, x, y);
          free(result.value);
          state = result.params;
        },
        answer: answer(compile(step)),
      },
      { name: "eager", run: () => step(params, x, y).params.w1.data, answer: answer(step) },
    ];
    if (peers["tfjs-wasm"]) {
      const { tf } = peers["tfjs-wasm"];
      const weights = () =>
        Object.fromEntries(
          Object.entries(data).map(([name, d]) => [name, tf.tensor(d, shapes[name])]),
        );
      const [u, hot] = [
        tf.tensor2d(images, [BATCH, INPUT]),
        tf.cast(tf.oneHot(tf.tensor1d(classes, "int32"), CLASSES), "float32"),
      ];
      const rates = tf.scalar(0.1);
      // the package of the peer brings no gradients; by hand it does what the tape would
      const move = (p) =>
        tf.tidy(() => {
          const hidden = tf.relu(tf.add(tf.matMul(u, p.w1), p.b1));
          const logits = tf.add(tf.matMul(hidden, p.w2), p.b2);
          const out = tf.div(tf.sub(tf.softmax(logits), hot), BATCH);
          const back = tf.mul(tf.matMul(out, p.w2, false, true), tf.step(hidden));
          const grads = {
            w1: tf.matMul(u, back, true),
            b1: tf.sum(back, 0),
            w2: tf.matMul(hidden, out, true),
            b2: tf.sum(out, 0),
          };
          return Object.fromEntries(
            Object.keys(p).map((name) => [name, tf.sub(p[name], tf.mul(rates, grads[name]))]),
          );
        });
      let p = weights();
      const run = () => {
        const next = move(p);
        tf.dispose(p);
        p = next;
      };
      list.push({ name: "tfjs-wasm", run, answer: () => move(weights()).w2.dataSync() });
    }
    return [...list, ...pytorch(torch, ["mlp_step", INPUT, HIDDEN, CLASSES, BATCH])];
  },
};

const decode = (n) => ({
  name: `float32 1×${n} · ${n}×${n}, weights pinned`,
  work: 4 * n * n,
  unit: "GB/s",
  bars: n === 4096 ? [{ peer: "pytorch", ratio: 0.75 }] : [],
  async contestants({ peers, torch }) {
    const [x, w] = [numbers(n, 1), numbers(n * n, 2)];
    const a = array(x, { shape: [1, n] });
    const weights = pin(array(w, { shape: [n, n] }));
    const product = compile((u, v) => matmul(u, v));
    const list = [
      {
        name: "core-tensor",
        run: () => product(a, weights),
        answer: () => toTypedArray(product(a, weights)),
      },
    ];
    if (peers["tfjs-wasm"]) {
      const { tf } = peers["tfjs-wasm"];
      const [p, q] = [tf.tensor2d(x, [1, n]), tf.tensor2d(w, [n, n])];
      const run = () => {
        const c = tf.matMul(p, q);
        const out = c.dataSync();
        c.dispose();
        return out;
      };
      list.push({ name: "tfjs-wasm", run, answer: run });
    }
    return [...list, ...pytorch(torch, ["matvec", n])];
  },
});

/** Two threads need two cores that nothing else uses. */
const twoThreads = (n) => ({
  name: `float32 matmul ${n}×${n}×${n} on two threads, resident`,
  work: 2 * n ** 3,
  unit: "GFLOPS",
  bars: [{ peer: "one thread", ratio: 1.7 }],
  async contestants() {
    const [a, b] = pin([1, 2].map((seed) => array(numbers(n * n, seed), { shape: [n, n] })));
    const on = (threads) => compile((u, v) => matmul(u, v), { threads, resident: true });
    const [two, one] = [on(2), on(1)];
    // workers join when they are up
    for (let i = 0; i < 100 && !explain(two).includes("2 of them up"); i++) {
      free(two(a, b));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const contestant = (name, f) => ({
      name,
      run: () => free(f(a, b)),
      answer: () => toTypedArray(f(a, b)),
    });
    return [contestant("two threads", two), contestant("one thread", one)];
  },
});

export default {
  title: "compile: fused and planned programs",
  cases: [
    chainCase(false),
    chainCase(true),
    trainStep,
    ...[1024, 4096].map(decode),
    ...[512, 1024].map(twoThreads),
  ],
};
