// How fast is a 3×3 convolution of a small image batch?
import { array, conv2d, toTypedArray } from "@provably/core-tensor";
import { oneNodeSession } from "../peers/onnx-model.mjs";
import { numbers, pytorch } from "./data.mjs";

const [N, C, H, W, O, K] = [8, 32, 32, 32, 64, 3];

export default {
  title: "conv2d: 8×32×32×32, 64 filters of 3×3, float32, one thread",
  cases: [
    {
      name: "copies included",
      work: 2 * N * C * H * W * O * K * K,
      unit: "GFLOPS",
      bars: [{ peer: "tfjs-wasm", ratio: 1.1 }],
      async contestants({ peers, torch }) {
        const image = numbers(N * C * H * W, 6);
        const filter = numbers(O * C * K * K, 7);
        const x = array(image, { shape: [N, C, H, W] });
        const f = array(filter, { shape: [O, C, K, K] });
        const ours = () => conv2d(x, f, { padding: 1 });
        const list = [{ name: "core-tensor", run: ours, answer: () => toTypedArray(ours()) }];
        if (peers["tfjs-wasm"]) {
          const { tf } = peers["tfjs-wasm"];
          // tfjs wants channels last; its layout is prepared outside the clock
          const p = tf.tidy(() => tf.transpose(tf.tensor4d(image, [N, C, H, W]), [0, 2, 3, 1]));
          const q = tf.tidy(() => tf.transpose(tf.tensor4d(filter, [O, C, K, K]), [2, 3, 1, 0]));
          const run = () => {
            const y = tf.conv2d(p, q, 1, "same");
            const out = y.dataSync();
            y.dispose();
            return out;
          };
          const answer = () => {
            const y = tf.tidy(() => tf.transpose(tf.conv2d(p, q, 1, "same"), [0, 3, 1, 2]));
            const out = y.dataSync().slice();
            y.dispose();
            return out;
          };
          list.push({ name: "tfjs-wasm", run, answer });
        }
        if (peers["jax-js"]) {
          const { lax, numpy } = peers["jax-js"].jax;
          const p = numpy.array(image, { shape: [N, C, H, W], dtype: numpy.float32 });
          const q = numpy.array(filter, { shape: [O, C, K, K], dtype: numpy.float32 });
          const run = () => lax.convGeneralDilated(p.ref, q.ref, [1, 1], "SAME").dataSync();
          list.push({ name: "jax-js", run, answer: run });
        }
        if (peers.onnxruntime) {
          const { ort } = peers.onnxruntime;
          const session = await oneNodeSession(
            ort,
            "Conv",
            [
              [N, C, H, W],
              [O, C, K, K],
            ],
            [N, O, H, W],
            { pads: [1, 1, 1, 1] },
          );
          const feeds = {
            x0: new ort.Tensor("float32", image, [N, C, H, W]),
            x1: new ort.Tensor("float32", filter, [O, C, K, K]),
          };
          list.push({
            name: "onnxruntime",
            async: true,
            run: () => session.run(feeds),
            answer: async () => (await session.run(feeds)).y.data,
          });
        }
        return [...list, ...pytorch(torch, ["conv2d", N, C, H, W, O, K])];
      },
    },
  ],
};
