// How fast is softmax over rows of 1024?
import { array, softmax, toTypedArray } from "@provably/core-tensor";
import { oneNodeSession } from "../peers/onnx-model.mjs";
import { numbers, pytorch } from "./data.mjs";

const N = 1024;

export default {
  title: "softmax: 1024 rows of 1024, float32, one thread",
  cases: [
    {
      name: "copies included",
      work: N * N,
      unit: "G elements/s",
      bars: [
        { peer: "tfjs-wasm", ratio: 0.9 },
        { peer: "jax-js", ratio: 6 },
      ],
      async contestants({ peers, torch }) {
        const data = numbers(N * N, 5).map((v) => 4 * v);
        const x = array(data, { shape: [N, N] });
        const list = [
          { name: "core-tensor", run: () => softmax(x), answer: () => toTypedArray(softmax(x)) },
        ];
        if (peers["tfjs-wasm"]) {
          const { tf } = peers["tfjs-wasm"];
          const p = tf.tensor2d(data, [N, N]);
          const run = () => {
            const y = tf.softmax(p);
            const out = y.dataSync();
            y.dispose();
            return out;
          };
          list.push({ name: "tfjs-wasm", run, answer: run });
        }
        if (peers["jax-js"]) {
          const { nn, numpy } = peers["jax-js"].jax;
          const p = numpy.array(data, { shape: [N, N], dtype: numpy.float32 });
          const run = () => nn.softmax(p.ref).dataSync();
          list.push({ name: "jax-js", run, answer: run });
        }
        if (peers.onnxruntime) {
          const { ort } = peers.onnxruntime;
          const session = await oneNodeSession(ort, "Softmax", [[N, N]], [N, N], { axis: 1 });
          const feeds = { x0: new ort.Tensor("float32", data, [N, N]) };
          list.push({
            name: "onnxruntime",
            async: true,
            run: () => session.run(feeds),
            answer: async () => (await session.run(feeds)).y.data,
          });
        }
        return [...list, ...pytorch(torch, ["softmax", N])];
      },
    },
  ],
};
