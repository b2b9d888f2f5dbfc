// How fast is one robust Bellman sweep in total variation?
import { array } from "@provably/core-tensor";
import { key, uniform } from "@provably/core-tensor/random";
import { mdp, normalize, robustBellman, totalVariation } from "@provably/robust-rl";

const SIGMA = 0.1;

function dense(states, actions, bar) {
  return {
    name: `dense, ${states} states, ${actions} actions`,
    work: states * states * actions,
    unit: "G entries/s",
    bars: [{ peer: "numpy", ratio: bar }],
    async contestants({ torch }) {
      const transitions = normalize(
        uniform(key(1), [states, actions, states], { dtype: "float64" }),
      );
      const model = mdp({
        transitions,
        rewards: uniform(key(2), [states, actions], { dtype: "float64" }),
      });
      const values = uniform(key(3), [states], { dtype: "float64" });
      const list = [
        {
          name: "robust-rl",
          run: () => robustBellman(model, totalVariation(SIGMA), values, { discount: 0.9 }),
        },
      ];
      if (torch)
        list.push({
          name: "numpy",
          time: (times) => torch.time(["tv_sweep", states, actions, SIGMA], times),
        });
      return list;
    },
  };
}

/** Ten successors of every state and action: 5 million probabilities, about 80 MB, in place of 10¹¹. */
const sparse = {
  name: "sparse, 100000 states, 5 actions, 10 successors",
  work: 5e6,
  unit: "G entries/s",
  async contestants() {
    const [states, actions, successors] = [100_000, 5, 10];
    const rows = states * actions;
    const columns = Int32Array.from(
      { length: rows * successors },
      (_, k) => (Math.imul(k + 1, 2654435761) >>> 0) % states,
    );
    const model = mdp({
      transitions: {
        shape: [states, actions, states],
        rowPointers: Int32Array.from({ length: rows + 1 }, (_, row) => row * successors),
        columns,
        probabilities: new Float64Array(rows * successors).fill(1 / successors),
      },
      rewards: uniform(key(2), [states, actions], { dtype: "float64" }),
    });
    const values = array(Float64Array.from({ length: states }, (_, s) => Math.sin(s)));
    return [
      {
        name: "robust-rl",
        run: () => robustBellman(model, totalVariation(SIGMA), values, { discount: 0.9 }),
      },
    ];
  },
};

export default {
  title: "robust Bellman sweep: total variation, float64, one thread",
  cases: [dense(100, 5, 1), dense(1000, 10, 10), sparse],
};
