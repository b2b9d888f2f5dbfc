// How fast is a step of training the score network?
import { adam } from "@provably/core-tensor/optim";
import { key, uniform } from "@provably/core-tensor/random";
import { scoreNetwork, trainScore } from "@provably/score-diffusion";

const [BATCH, SIDE, CHANNELS] = [64, 28, 32];

export default {
  title:
    "A step of training the score network: loss, gradients, Adam, average; float32, one thread",
  options: { rounds: 5, seconds: 1 },
  cases: [
    {
      name: `batch ${BATCH}, ${SIDE} × ${SIDE} pixels, ${CHANNELS} channels`,
      bars: [{ peer: "pytorch", ratio: 0.25 }],
      async contestants({ torch }) {
        const network = scoreNetwork({ side: SIDE, channels: CHANNELS });
        const data = uniform(key(1), [256, SIDE * SIDE], { low: -1, high: 1 });
        const options = { optimizer: adam(1e-3), batchSize: BATCH };
        let state = trainScore(network, network.init(key(0)), data, key(2), {
          ...options,
          numSteps: 1,
        });
        // a run of training traces its step once; a contestant's turn is one run, the first step of which is not counted
        const time = (times) => {
          let start = 0n;
          const began = state.step;
          state = trainScore(network, state.params, data, key(2), {
            ...options,
            state,
            numSteps: began + times + 1,
            onProgress: ({ iteration }) => {
              if (iteration === began + 1) start = process.hrtime.bigint();
            },
          });
          return Number(process.hrtime.bigint() - start) / 1e9;
        };
        const list = [{ name: "score-diffusion", time }];
        if (torch)
          list.push({
            name: "pytorch",
            time: (times) => torch.time(["score_network_step", BATCH, SIDE, CHANNELS], times),
          });
        return list;
      },
    },
  ],
};
