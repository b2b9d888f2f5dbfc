// How fast is a preference loss with all its gradients?
import { key, uniform } from "@provably/core-tensor/random";
import { vpoLoss } from "@provably/rlhf-vpo";

const N = 1_000_000;

export default {
  title: "VPO loss and gradients of a million pairs, float64, one thread",
  cases: [
    {
      name: "offline VPO",
      work: N,
      unit: "G pairs/s",
      bars: [{ peer: "pytorch", ratio: 1 }],
      async contestants({ torch }) {
        const logProbs = (k) => uniform(key(k), [N], { dtype: "float64", low: -100, high: 0 });
        const [chosen, rejected, refChosen, refRejected] = [1, 2, 3, 4].map(logProbs);
        const batch = { chosen, rejected, refChosen, refRejected };
        const options = { beta: 0.1, alpha: 0.2, attitude: "pessimistic" };
        // as in a training loop: a step's result gives its storage to the next
        let donate;
        const list = [
          { name: "rlhf-vpo", run: () => (donate = vpoLoss(batch, { ...options, donate })) },
          { name: "rlhf-vpo, in fresh memory", run: () => vpoLoss(batch, options) },
        ];
        if (torch) list.push({ name: "pytorch", time: (times) => torch.time(["vpo", N], times) });
        return list;
      },
    },
  ],
};
