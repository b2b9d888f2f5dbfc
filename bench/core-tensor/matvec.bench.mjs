// How fast is a row vector times a matrix, the product of token-by-token decoding?
import { array, matmul, toTypedArray } from "@provably/core-tensor";
import { numbers, pytorch } from "./data.mjs";

const product = (n) => ({
  name: `float32 1×${n} · ${n}×${n}, the same weights at every call`,
  work: 4 * n * n,
  unit: "GB/s",
  bars: [{ peer: "numpy-ts", ratio: 1.5 }],
  async contestants({ peers, torch }) {
    const x = numbers(n, 1);
    const w = numbers(n * n, 2);
    const [a, b] = [array(x, { shape: [1, n] }), array(w, { shape: [n, n] })];
    const list = [
      { name: "core-tensor", run: () => matmul(a, b), answer: () => toTypedArray(matmul(a, b)) },
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
    if (peers["numpy-ts"]) {
      const { np } = peers["numpy-ts"];
      const [p, q] = [np.array(x, "float32").reshape(1, n), np.array(w, "float32").reshape(n, n)];
      list.push({
        name: "numpy-ts",
        run: () => np.matmul(p, q).dispose(),
        answer: () => np.matmul(p, q).data.slice(),
      });
    }
    return [...list, ...pytorch(torch, ["matvec", n])];
  },
});

export default {
  title: "matvec: one row through a weight matrix, one thread",
  cases: [1024, 2048].map(product),
};
