// How fast is a step of training the score network?
import { adam } from "@provably/core-tensor/optim";
import { key, uniform } from "@provably/core-tensor/random";
import { scoreNetwork, trainScore } from "@provably/score-diffusion";

const [BATCH, SIDE, CHANNELS] = [64, 28, 32];

export default {
  title: "A step of training the score network: loss, gradients, Adam, average; float32, one thread",
  options: { rounds: 5, seconds: 1 },
  cases: [
    {
      name: `batch ${BATCH}, ${SIDE} × ${SIDE} pixels, ${CHANNELS} channels`,
      bars: [{ peer: "pytorch", ratio: 0.25 }],
      async contestants({ torch }) {
        const network = scoreNetwork({ side: SIDE, channels: CHANNELS });
        const data = uniform(key(1), [256, SIDE * SIDE], { low: -1, high: 1 });
        let state;
        const run = () => {
          const numSteps = (state?.step ?? 0) + 1;
          state = trainScore(network, network.init(key(0)), data, key(2), { numSteps, optimizer: adam(1e-3), batchSize: BATCH, state });
        };
        const list = [{ name: "score-diffusion", run }];
        if (torch) list.push({ name: "pytorch", time: (times) => torch.time(["score_network_step", BATCH, SIDE, CHANNELS], times) });
        return list;
      },
    },
  ],
};
