// How fast is one step of masked pretraining, gradient and AdamW, of the small vision transformer for digits?
import { key, uniform } from "@provably/core-tensor/random";
import { createMaskedAutoencoder, pretrain } from "@provably/transformer-sparsity/mim";

/** Seconds for `times` steps, from the end of the first, which compiles, to the end of the last. */
function timeSteps(model, images, times) {
  const controller = new AbortController();
  let [start, end] = [0, 0];
  try {
    pretrain(model, images, key(1), {
      numEpochs: times + 2,
      signal: controller.signal,
      onProgress({ iteration }) {
        if (iteration === 1) start = performance.now();
        if (iteration === times + 1) {
          end = performance.now();
          controller.abort();
        }
      },
    });
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
  return (end - start) / 1000;
}

function step(patchSize) {
  return {
    name: `masked autoencoder, patches of ${patchSize}, batch 128`,
    bars: [{ peer: "pytorch", ratio: 0.3 }],
    options: { rounds: 5, seconds: 0.5 },
    async contestants({ torch }) {
      const model = createMaskedAutoencoder(key(0), { patchSize });
      const images = uniform(key(2), [1024, 28, 28]);
      const list = [{ name: "mim", time: (times) => timeSteps(model, images, times) }];
      if (torch)
        list.push({
          name: "pytorch",
          time: (times) => torch.time(["mae_step", 128, patchSize], times),
        });
      return list;
    },
  };
}

export default { title: "masked pretraining step: float32, one thread", cases: [step(4), step(7)] };
