// How fast is a square matrix product, copies of inputs and result included?
import { array, matmul, toTypedArray } from "@provably/core-tensor";
import { oneNodeSession } from "../peers/onnx-model.mjs";
import { numbers, pytorch } from "./data.mjs";

const float32 = (n) => ({
  name: `float32 ${n}×${n}`,
  work: 2 * n ** 3,
  unit: "GFLOPS",
  bars: [
    ...(n >= 256
      ? [
          { peer: "tfjs-wasm", ratio: 1.25, below: 22 },
          { peer: "tfjs-wasm", ratio: 1.5, node: 22 },
          { peer: "numpy-ts", ratio: 1.45, below: 22 },
          { peer: "jax-js", ratio: 1.6, below: 22 },
        ]
      : [
          { peer: "tfjs-wasm", ratio: 1.7 },
          { peer: "numpy-ts", ratio: 1.7 },
        ]),
    ...(n === 512
      ? [
          { peer: "onnxruntime", ratio: 0.4, below: 22 },
          { peer: "onnxruntime", ratio: 0.5, node: 22 },
          { peer: "pytorch", ratio: 0.36, below: 22 },
          { peer: "pytorch", ratio: 0.45, node: 22 },
        ]
      : []),
  ],
  async contestants({ peers, torch }) {
    const x = numbers(n * n, 1);
    const y = numbers(n * n, 2);
    const a = array(x, { shape: [n, n] });
    const b = array(y, { shape: [n, n] });
    const list = [
      { name: "core-tensor", run: () => matmul(a, b), answer: () => toTypedArray(matmul(a, b)) },
    ];
    if (peers["tfjs-wasm"]) {
      const { tf } = peers["tfjs-wasm"];
      const [p, q] = [tf.tensor2d(x, [n, n]), tf.tensor2d(y, [n, n])];
      const product = () => {
        const c = tf.matMul(p, q);
        const out = c.dataSync();
        c.dispose();
        return out;
      };
      list.push({ name: "tfjs-wasm", run: product, answer: product });
    }
    if (peers["numpy-ts"]) {
      const { np } = peers["numpy-ts"];
      const [p, q] = [np.array(x, "float32").reshape(n, n), np.array(y, "float32").reshape(n, n)];
      list.push({
        name: "numpy-ts",
        run: () => np.matmul(p, q).dispose(),
        answer: () => np.matmul(p, q).data.slice(),
      });
    }
    if (peers["jax-js"]) {
      const { numpy } = peers["jax-js"].jax;
      const [p, q] = [x, y].map((data) =>
        numpy.array(data, { shape: [n, n], dtype: numpy.float32 }),
      );
      const product = () => numpy.matmul(p.ref, q.ref).dataSync();
      list.push({ name: "jax-js", run: product, answer: product });
    }
    if (peers.onnxruntime) {
      const { ort } = peers.onnxruntime;
      const session = await oneNodeSession(
        ort,
        "MatMul",
        [
          [n, n],
          [n, n],
        ],
        [n, n],
      );
      const feeds = {
        x0: new ort.Tensor("float32", x, [n, n]),
        x1: new ort.Tensor("float32", y, [n, n]),
      };
      list.push({
        name: "onnxruntime",
        async: true,
        run: () => session.run(feeds),
        answer: async () => (await session.run(feeds)).y.data,
      });
    }
    return [...list, ...pytorch(torch, ["matmul", "float32", n])];
  },
});

const float64 = (n) => ({
  name: `float64 ${n}×${n}`,
  work: 2 * n ** 3,
  unit: "GFLOPS",
  bars: [
    { peer: "numpy-ts", ratio: 1.5, below: 22 },
    { peer: "numpy-ts", ratio: 1.4, node: 22 },
  ],
  async contestants({ peers, torch }) {
    const x = numbers(n * n, 1, Float64Array);
    const y = numbers(n * n, 2, Float64Array);
    const a = array(x, { shape: [n, n] });
    const b = array(y, { shape: [n, n] });
    const list = [
      { name: "core-tensor", run: () => matmul(a, b), answer: () => toTypedArray(matmul(a, b)) },
    ];
    if (peers["numpy-ts"]) {
      const { np } = peers["numpy-ts"];
      const [p, q] = [np.array(x, "float64").reshape(n, n), np.array(y, "float64").reshape(n, n)];
      list.push({
        name: "numpy-ts",
        run: () => np.matmul(p, q).dispose(),
        answer: () => np.matmul(p, q).data.slice(),
      });
    }
    return [...list, ...pytorch(torch, ["matmul", "float64", n])];
  },
});

export default {
  title: "matmul: square matrices, one thread",
  cases: [...[64, 256, 512, 1024].map(float32), ...[64, 256, 512, 1024].map(float64)],
};
