// How fast is the exact score of a data set?
import { key, uniform } from "@provably/core-tensor/random";
import { empiricalDistribution, empiricalScore } from "@provably/score-diffusion";

const [QUERIES, POINTS, DIMENSION] = [256, 5000, 784];

const empirical = (dtype) => ({
  name: `${QUERIES} queries, ${POINTS} points, ${DIMENSION} dimensions, ${dtype}`,
  work: 4 * QUERIES * POINTS * DIMENSION,
  unit: "GFLOP/s",
  bars: [{ peer: "pytorch", ratio: 0.5, node: 24 }],
  async contestants({ torch }) {
    const draw = (k, n) => uniform(key(k), [n, DIMENSION], { dtype });
    const distribution = empiricalDistribution(draw(1, POINTS), { dtype });
    const x = draw(2, QUERIES);
    const list = [
      {
        name: "score-diffusion",
        run: () => empiricalScore(distribution, x, { alpha: 0.8, sigma: 0.6 }),
      },
    ];
    if (torch)
      list.push({
        name: "pytorch",
        time: (times) => torch.time(["empirical_score", dtype, QUERIES, POINTS, DIMENSION], times),
      });
    return list;
  },
});

export default {
  title: "Exact score of a data set, one thread",
  options: { rounds: 5, seconds: 0.3 },
  cases: [empirical("float32"), empirical("float64")],
};
