// How fast are transcendental functions on a large array, copies included, and how cheap is a tiny operation?
import { add, array, exp, tanh, toTypedArray } from "@provably/core-tensor";
import { oneNodeSession } from "../peers/onnx-model.mjs";
import { numbers, pytorch } from "./data.mjs";

const SIZE = 2 ** 20;

const unary = (name, ours, onnx, bar) => ({
  name: `${name}, float32, 2^20 elements`,
  work: SIZE,
  unit: "G elements/s",
  bars: [{ peer: "tfjs-wasm", ratio: bar }],
  async contestants({ peers, torch }) {
    const data = numbers(SIZE, 3).map((v) => 4 * v);
    const x = array(data);
    const list = [{ name: "core-tensor", run: () => ours(x), answer: () => toTypedArray(ours(x)) }];
    list.push({
      name: "plain loop",
      run: () => data.map(Math[name]),
      answer: () => data.map(Math[name]),
    });
    if (peers["tfjs-wasm"]) {
      const { tf } = peers["tfjs-wasm"];
      const p = tf.tensor1d(data);
      const run = () => {
        const y = tf[name](p);
        const out = y.dataSync();
        y.dispose();
        return out;
      };
      list.push({ name: "tfjs-wasm", run, answer: run });
    }
    if (peers["numpy-ts"]) {
      const { np } = peers["numpy-ts"];
      const p = np.array(data, "float32");
      list.push({
        name: "numpy-ts",
        run: () => np[name](p).dispose(),
        answer: () => np[name](p).data.slice(),
      });
    }
    if (peers["jax-js"]) {
      const { numpy } = peers["jax-js"].jax;
      const p = numpy.array(data, { shape: [SIZE], dtype: numpy.float32 });
      const run = () => numpy[name](p.ref).dataSync();
      list.push({ name: "jax-js", run, answer: run });
    }
    if (peers.onnxruntime) {
      const { ort } = peers.onnxruntime;
      const session = await oneNodeSession(ort, onnx, [[SIZE]], [SIZE]);
      const feeds = { x0: new ort.Tensor("float32", data, [SIZE]) };
      list.push({
        name: "onnxruntime",
        async: true,
        run: () => session.run(feeds),
        answer: async () => (await session.run(feeds)).y.data,
      });
    }
    return [...list, ...pytorch(torch, ["unary", name, SIZE])];
  },
});

const tiny = {
  name: "add of two arrays of 16 elements (bar: at most 1 µs)",
  options: { seconds: 0.02 },
  async contestants({ peers, torch }) {
    const data = numbers(16, 4);
    const x = array(data);
    const list = [
      { name: "core-tensor", run: () => add(x, x), answer: () => toTypedArray(add(x, x)) },
    ];
    if (peers["tfjs-wasm"]) {
      const { tf } = peers["tfjs-wasm"];
      const p = tf.tensor1d(data);
      list.push({ name: "tfjs-wasm", run: () => tf.add(p, p).dispose() });
    }
    if (peers["numpy-ts"]) {
      const { np } = peers["numpy-ts"];
      const p = np.array(data, "float32");
      list.push({
        name: "numpy-ts",
        run: () => np.add(p, p).dispose(),
        answer: () => np.add(p, p).data.slice(),
      });
    }
    if (peers["jax-js"]) {
      const { numpy } = peers["jax-js"].jax;
      const p = numpy.array(data, { shape: [16], dtype: numpy.float32 });
      list.push({ name: "jax-js", run: () => numpy.add(p.ref, p.ref).dispose() });
    }
    return [...list, ...pytorch(torch, ["add", 16])];
  },
};

export default {
  title: "elementwise: eager functions, copies included, one thread",
  cases: [unary("exp", exp, "Exp", 1), unary("tanh", tanh, "Tanh", 1), tiny],
};
