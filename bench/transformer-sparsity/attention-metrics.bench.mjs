// How fast are all metrics of one layer of a base vision transformer?
import { softmax } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import {
  attentionDiversity,
  headDiversity,
  heavyHitters,
  receivedAttention,
  summarizeAttention,
} from "@provably/transformer-sparsity/mim";

const all = {
  name: "every metric, 12 heads, 196 tokens",
  async contestants() {
    const layer = softmax(normal(key(0), [1, 12, 196, 196], { std: 2 }), { axis: -1 });
    return [
      {
        name: "mim",
        run() {
          summarizeAttention([layer], { grid: [14, 14] });
          receivedAttention(layer);
          heavyHitters(layer, 5);
          for (const distance of ["l2", "tv"]) {
            attentionDiversity(layer, { distance });
            headDiversity(layer, { distance });
          }
        },
      },
    ];
  },
};

export default { title: "attention metrics, one thread", options: { rounds: 5 }, cases: [all] };
